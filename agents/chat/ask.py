"""`vigia ask`: questions about the platform, answered from the same tools that investigate incidents.

Rules route the question, tools answer it, and every line of the answer cites what it rests on. A language model, where
there is one, may choose among the observe tools and write the sentences; it cannot reach anything else, cannot exceed
the budget, and a sentence that its citations do not carry is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agents.chat import stores
from agents.chat.by_model import ModelAnswers
from agents.chat.ports import ReadsApprovals, ReadsIncidents, RunsTools
from agents.chat.routing import HELP, INCIDENT_LABEL, Router, intent_of
from agents.chat.scope import MAY_ASK, Scope
from agents.chat.subjects import SubjectFinder
from agents.chat.types import Answer, Citation, Intent, PlannedCall
from agents.llm.errors import ModelUnavailable
from agents.llm.narrator import Redacts
from agents.llm.observed import ObservedChatModel
from agents.llm.port import ChatModel, OnModelCall
from foundation.errors import Forbidden, InvalidInput
from foundation.telemetry import semconv
from foundation.telemetry.traces import span
from guardrails.redaction.errors import RedactionBlocked
from platform_core.access.principals import Principal
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog
from tools.contract import ObserveTool

LONGEST_QUESTION = 2000


class Ask:
    """`max_calls` bounds the tool runs of one answer; the model, if there is one, is called at most twice."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        lineage: Lineage,
        runner: RunsTools,
        tools: Mapping[str, ObserveTool[Any]],
        incidents: ReadsIncidents,
        approvals: ReadsApprovals,
        redactor: Redacts,
        model: ChatModel | None = None,
        on_call: OnModelCall | None = None,
        max_calls: int = 8,
        unspoken: Collection[str] = (),
    ) -> None:
        """`unspoken`: names of tools that act, which a model's sentence does not recommend."""
        self._lineage = lineage
        self._finder = SubjectFinder(catalog, lineage)
        self._router = Router(catalog)
        self._runner = runner
        self._incidents = incidents
        self._approvals = approvals
        self._redactor = redactor
        self._max_calls = max_calls
        self._author = model.model if model else "rules"
        observed = ObservedChatModel(model, purpose="ask", on_call=on_call) if model else None
        self._by_model = ModelAnswers(observed, redactor, tools, unspoken=unspoken) if observed else None

    def answer(self, question: str, principal: Principal) -> Answer:
        """Raises Forbidden for a principal who may not ask, InvalidInput for a question that is empty or too long."""
        question = " ".join(question.split())
        if not question or len(question) > LONGEST_QUESTION:
            raise InvalidInput("a question has between 1 and 2000 characters")
        if not principal.tenants_with(MAY_ASK):
            raise Forbidden(f"{principal.id} may not ask", hint="the role responder is needed")
        agent = {semconv.OPERATION_NAME: semconv.INVOKE_AGENT, semconv.AGENT_NAME: "ask"}
        with span(semconv.span_name(semconv.INVOKE_AGENT, "ask"), **agent):
            return self._answer(question, principal)

    def _answer(self, question: str, principal: Principal) -> Answer:
        subjects = self._finder.find(question)
        intent = intent_of(question, subjects)
        if intent == "incident":
            labels = dict.fromkeys(label.upper() for label in INCIDENT_LABEL.findall(question))
            return self._told(
                question, intent, [stores.of_incident(self._incidents, self._approvals, i, principal) for i in labels]
            )
        if intent == "incidents":
            found = stores.unresolved(self._incidents, principal, subjects.urns)
            return self._told(question, intent, found, nothing="No incident is open.")
        if intent == "approvals":
            found = stores.waiting(self._approvals, principal)
            return self._told(question, intent, found, nothing="Nothing is waiting for approval.")
        mine = principal.tenants_with(MAY_ASK)
        tenants = self._finder.tenants if "*" in mine else self._finder.tenants & mine
        planned = self._router.plan(intent, subjects, tenants=tenants)
        notes: list[str] = []
        planned = self._chosen(question, planned, notes)
        scope = Scope(self._lineage, mine)
        allowed = [call for call in planned if scope.allows(call.arguments)]
        if len(allowed) < len(planned):
            notes.append("what belongs to other tenants was left out")
        if len(allowed) > self._max_calls:
            notes.append(f"only the first {self._max_calls} of {len(allowed)} look-ups were made")
        about = stores.unresolved(self._incidents, principal, subjects.urns) if subjects.urns else []
        return self._looked_up(question, intent, allowed[: self._max_calls], about, notes)

    def _chosen(self, question: str, by_rules: list[PlannedCall], notes: list[str]) -> list[PlannedCall]:
        """The model's choice where the rules have none: a question they understand needs no second opinion."""
        if self._by_model is None or by_rules:
            return by_rules
        try:
            return self._by_model.choose(question, self._finder.names, at_most=self._max_calls)
        except (ModelUnavailable, RedactionBlocked) as error:
            notes.append(f"language model not used: {error.message}")
            return by_rules

    def _looked_up(
        self, question: str, intent: Intent, calls: Sequence[PlannedCall], about: list[Citation], notes: list[str]
    ) -> Answer:
        citations, figures = list(about), dict[str, Any]()
        for call in calls:
            run = self._runner.run(call.tool, call.arguments)
            seen = run.observation
            figures[f"T{len(citations) + 1}"] = seen.figures
            citations.append(
                Citation(
                    id="",
                    source=run.tool,
                    arguments=run.arguments,
                    status=seen.status,
                    summary=seen.summary if seen.status != "error" else f"could not be looked up: {seen.summary}",
                    digest=run.digest,
                )
            )
        if not citations:
            return Answer(
                question=self._redactor.redact(question), intent="help", text=HELP, citations=(), note=_joined(notes)
            )
        answer = self._told(question, intent, citations)
        if self._by_model is None:
            return answer.model_copy(update={"note": _joined(notes)})
        try:
            written = self._by_model.write(question, answer.citations, figures)
        except (ModelUnavailable, RedactionBlocked) as error:
            notes.append(f"language model not used: {error.message}")
            written = ()
        if not written:
            return answer.model_copy(update={"note": _joined(notes)})
        text = self._redactor.redact(" ".join(str(sentence) for sentence in written))
        return answer.model_copy(update={"text": text, "author": self._author, "note": _joined(notes)})

    def _told(
        self, question: str, intent: Intent, found: Sequence[Citation], *, nothing: str = "Nothing was found."
    ) -> Answer:
        """The citations, numbered and redacted, one line each."""
        citations = tuple(
            citation.model_copy(
                update={
                    "id": f"T{number}",
                    "summary": self._redactor.redact(citation.summary),
                    "arguments": self._redactor.redact_value(citation.arguments),
                }
            )
            for number, citation in enumerate(found, 1)
        )
        lines = [f"{citation.summary} [{citation.id}]" for citation in citations]
        return Answer(
            question=self._redactor.redact(question),
            intent=intent,
            text="\n".join(lines) if lines else nothing,
            citations=citations,
        )


def _joined(notes: Sequence[str]) -> str | None:
    return "; ".join(dict.fromkeys(notes)) or None
