"""The flow as a LangGraph: one thread per incident, durable between any two steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from agents.incident.langgraph_runtime import END, START, Checkpoints, Command, StateGraph
from agents.incident.ports import Observer
from agents.incident.state import Change, FlowState, first_state
from agents.incident.steps import Steps
from foundation.errors import Conflict
from foundation.frozen import Frozen

Step = Callable[[FlowState], Change]


class Pause(Frozen):
    """Where a run ended: waiting for a decision, resting until the next look at the outcome, or done with a round."""

    waiting_for: str | None
    round: int
    resting: bool = False


class LeaseLost(Conflict):
    """Another worker has taken the incident over; this one must not take another step."""


class IncidentGraph:
    def __init__(
        self,
        steps: Steps,
        checkpoints: Checkpoints,
        *,
        observer: Observer,
        still_mine: Callable[[str], bool],
    ) -> None:
        self._observer = observer
        self._still_mine = still_mine
        graph: StateGraph[FlowState, None, FlowState, FlowState] = StateGraph(FlowState)
        for step in (
            steps.gather,
            steps.diagnose,
            steps.narrate,
            steps.propose,
            steps.ask,
            steps.wait,
            steps.reconsider,
            steps.execute,
            steps.verify,
            steps.rest,
            steps.compensate,
            steps.record,
        ):
            graph.add_node(step.__name__, self._guarded(step))  # pyright: ignore[reportCallIssue, reportArgumentType]
        graph.add_edge(START, "gather")
        graph.add_edge("gather", "diagnose")
        graph.add_edge("diagnose", "narrate")
        graph.add_conditional_edges("narrate", _after_narrate)
        graph.add_conditional_edges("propose", _unless_ended("ask"))
        graph.add_conditional_edges("ask", _unless_ended("wait"))
        graph.add_conditional_edges("wait", _after_wait)
        graph.add_conditional_edges("reconsider", _after_reconsider)
        graph.add_conditional_edges("execute", _after_execute)
        graph.add_conditional_edges("verify", _after_verify)
        graph.add_edge("rest", "verify")
        graph.add_conditional_edges("compensate", _unless_ended("ask"))
        graph.add_edge("record", END)
        self._graph = graph.compile(checkpointer=checkpoints.saver)
        self.close = checkpoints.close

    def run(self, incident_id: str, round_number: int) -> Pause:
        """Go on from wherever this incident's thread stands, until it waits for a person or the round is done.

        Raises what a step raises; the thread then stands before that step.
        """
        config: Any = {"configurable": {"thread_id": incident_id}}
        standing = self._graph.get_state(config)
        entry: Any
        if not standing.values or (not standing.next and standing.values["round"] < round_number):
            entry = first_state(incident_id, round_number)
        elif not standing.next:
            return Pause(waiting_for=None, round=standing.values["round"])
        elif standing.interrupts:
            # The value is not looked at: the step asks the approval itself.
            entry = Command(resume=True)
        else:
            entry = None
        self._graph.invoke(entry, config, durability="sync")
        standing = self._graph.get_state(config)
        waits = standing.next == ("wait",)
        return Pause(
            waiting_for=standing.values["approval_id"] if waits else None,
            round=standing.values["round"],
            resting=standing.next == ("rest",),
        )

    def _guarded(self, step: Step) -> Step:
        def guarded(state: FlowState) -> Change:
            self._observer(f"{step.__name__}:enter")
            if not self._still_mine(state["incident_id"]):
                raise LeaseLost(f"{state['incident_id']} is worked on elsewhere", hint="its lease ran out here")
            change = step(state)
            self._observer(f"{step.__name__}:leave")
            return change

        return guarded


def _unless_ended(following: str) -> Callable[[FlowState], str]:
    def route(state: FlowState) -> str:
        return "record" if state["ending"] is not None else following

    return route


def _after_narrate(state: FlowState) -> Literal["reconsider", "propose"]:
    return "reconsider" if state.get("looking") else "propose"


def _after_wait(state: FlowState) -> Literal["wait", "gather", "record", "execute"]:
    if state.get("edited"):
        return "wait"
    if state.get("looking"):
        return "gather"
    return "record" if state["ending"] is not None else "execute"


def _after_reconsider(state: FlowState) -> Literal["record", "ask", "wait"]:
    if state["ending"] is not None:
        return "record"
    return "ask" if state["approval_id"] is None else "wait"


def _after_execute(state: FlowState) -> Literal["wait", "gather", "verify", "record"]:
    if state.get("edited"):
        return "wait"
    if state["again"]:
        return "gather"
    return "record" if state["ending"] is not None else "verify"


def _after_verify(state: FlowState) -> Literal["rest", "record", "compensate"]:
    if state["watch"] is not None:
        return "rest"
    return "record" if state["ending"] is not None else "compensate"
