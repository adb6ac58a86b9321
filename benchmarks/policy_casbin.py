"""The other side of `benchmarks.policy`, run in an environment of its own that has casbin: it reads one JSON object per
line (`rules` and `questions` first, then `repeat`), and answers with its decisions and the seconds they took."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

MODEL = """
[request_definition]
r = tool, tier, environment, tenant
[policy_definition]
p = tool, tier, environment, tenant, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.tier == p.tier && r.environment == p.environment && globMatch(r.tool, p.tool) && globMatch(r.tenant, p.tenant)
"""


def main() -> None:
    import casbin

    first: dict[str, Any] = json.loads(sys.stdin.readline())
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies(first["rules"])
    questions = [tuple(question) for question in first["questions"]]
    print(json.dumps([bool(enforcer.enforce(*question)) for question in questions]), flush=True)
    for line in sys.stdin:
        repeat = int(json.loads(line)["repeat"])
        started = time.process_time()
        for _ in range(repeat):
            for question in questions:
                enforcer.enforce(*question)
        print(json.dumps(time.process_time() - started), flush=True)


if __name__ == "__main__":
    main()
