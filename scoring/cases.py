"""One case: who holds the ball, how it ended, who was found at fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from scoring.calendars import WorkingCalendar
from scoring.dues import last_instant_or_never
from scoring.events import TypedEvent

REOPEN_MS = 7 * 86_400_000
EXONERATING = frozenset({"buyer", "carrier", "operator", "nobody"})


class Span(NamedTuple):
    """`holder` has the ball in `[from_ms, until_ms)`; until_ms None: still."""

    holder: str
    from_ms: int
    until_ms: int | None


class Statement(NamedTuple):
    """A decision, or a closing that says who was at fault."""

    at_ms: int
    fault: str | None
    counts: bool


class Decision(NamedTuple):
    """What a mediator decided."""

    at_ms: int
    fault: str | None
    remedy: str | None
    counts: bool


@dataclass(slots=True)
class CaseState:
    """What the events of one case said so far."""

    id: str
    order: str | None = None
    kind: str = "claim"
    reason: str | None = None
    amount_minor: int | None = None
    opened_ms: int | None = None
    opener: tuple[str, str] | None = None
    spans: list[Span] = field(default_factory=list)
    escalated_ms: int | None = None
    # When it first came to an end after that, decided or not.
    left_mediation_ms: int | None = None
    first_decided_ms: int | None = None  # after the escalation
    # The decision an appeal was against, and the last one since.
    first_word: Decision | None = None
    last_word: Decision | None = None
    was_appealed: bool = False
    in_mediation: bool = False
    resolved_ms: list[int] = field(default_factory=list)
    reopened_ms: list[int] = field(default_factory=list)
    withdrawn_ms: int | None = None
    closed_ms: int | None = None
    statement: Statement | None = None
    decided_ms: int | None = None  # the last decision, also where a closing has had the last word since
    seller_acted: bool = False
    # How a timer closed it, as long as that closing stands: the holder at that moment.
    timer_closed_holder: str | None = None
    acted_before_timer: bool = False

    @property
    def holder(self) -> str:
        """Who has the ball now."""
        return self.spans[-1].holder if self.spans else "nobody"

    @property
    def is_open(self) -> bool:
        """Opened, neither closed nor withdrawn."""
        return self.opened_ms is not None and self.closed_ms is None and self.withdrawn_ms is None


def _pass(case: CaseState, holder: str, at_ms: int) -> None:
    if case.holder == holder:
        return
    if case.spans:
        case.spans[-1] = case.spans[-1]._replace(until_ms=at_ms)
    case.spans.append(Span(holder, at_ms, None))


def _rest(case: CaseState, at_ms: int) -> None:
    """Nobody holds a case that came to an end."""
    if case.escalated_ms is not None and case.left_mediation_ms is None:
        case.left_mediation_ms = at_ms
    case.in_mediation = False
    _pass(case, "nobody", at_ms)


def _open(case: CaseState, event: TypedEvent) -> None:
    if case.opened_ms is not None:
        return
    data = event.data
    case.opened_ms, case.opener = event.at_ms, (event.source, event.id)
    case.order, case.kind = data.get("order"), data.get("kind", "claim")
    case.reason, case.amount_minor = data.get("reason"), data.get("amount_minor")
    case.spans.append(Span("seller", event.at_ms, None))


def _close(case: CaseState, event: TypedEvent) -> None:
    fault = event.data.get("fault")
    if fault is not None:
        case.statement = Statement(event.at_ms, fault, True)
    elif event.data.get("by") == "automatic" and case.is_open:
        case.timer_closed_holder, case.acted_before_timer = case.holder, case.seller_acted
    if case.closed_ms is None:
        case.closed_ms = event.at_ms
    _rest(case, event.at_ms)


def _reopen(case: CaseState, event: TypedEvent) -> None:
    case.reopened_ms.append(event.at_ms)
    case.closed_ms, case.timer_closed_holder, case.in_mediation = None, None, False
    _pass(case, "seller", event.at_ms)


def _resolve(case: CaseState, event: TypedEvent) -> None:
    case.resolved_ms.append(event.at_ms)
    case.seller_acted = True
    _rest(case, event.at_ms)


def _escalate(case: CaseState, event: TypedEvent) -> None:
    if event.data.get("by") == "seller":
        case.seller_acted = True
    if case.escalated_ms is None:
        case.escalated_ms = event.at_ms
    case.in_mediation = True
    _pass(case, "mediator", event.at_ms)


def _decide(case: CaseState, event: TypedEvent) -> None:
    data = event.data
    case.statement = Statement(event.at_ms, data.get("fault"), data.get("counts", True))
    case.decided_ms = event.at_ms
    decision = Decision(event.at_ms, data.get("fault"), data.get("remedy"), data.get("counts", True))
    if case.was_appealed:
        case.last_word = decision
    else:
        case.first_word = decision
    if case.escalated_ms is not None and case.first_decided_ms is None:
        case.first_decided_ms = event.at_ms


def _withdraw(case: CaseState, event: TypedEvent) -> None:
    if case.withdrawn_ms is None:
        case.withdrawn_ms = event.at_ms
    _rest(case, event.at_ms)


def _pass_ball(case: CaseState, event: TypedEvent) -> None:
    if case.holder not in {"mediator", "nobody"} and not case.in_mediation:
        _pass(case, event.data["to"], event.at_ms)


def _ask_evidence(case: CaseState, event: TypedEvent) -> None:
    if case.in_mediation:
        _pass(case, event.data["to"], event.at_ms)


def _give_evidence(case: CaseState, event: TypedEvent) -> None:
    if case.in_mediation:
        _pass(case, "mediator", event.at_ms)


def _appeal(case: CaseState, event: TypedEvent) -> None:
    case.was_appealed = case.was_appealed or case.first_word is not None
    if event.data.get("by") == "seller":
        case.seller_acted = True


_STEPS = {
    "case.ball_passed": _pass_ball, "case.resolved": _resolve, "case.reopened": _reopen, "case.withdrawn": _withdraw,
    "case.closed": _close, "case.escalated": _escalate, "case.evidence_asked": _ask_evidence,
    "case.evidence_given": _give_evidence, "case.decided": _decide, "case.appealed": _appeal,
}


def apply_case_event(case: CaseState, event: TypedEvent) -> None:
    """Take in one event of the case; before its opening a case has no history."""
    if event.type == "case.opened":
        _open(case, event)
    elif case.opened_ms is not None and event.type in _STEPS:
        _STEPS[event.type](case, event)


def apply_case_message(case: CaseState, event: TypedEvent) -> None:
    """Let a message of the case pass the ball, and count as an act of the seller."""
    data = event.data
    if data.get("automatic") or case.opened_ms is None:
        return
    if data["author"] == "seller":
        case.seller_acted = True
    if case.in_mediation or case.holder not in {"seller", "buyer"}:
        return
    if data["author"] == "seller" and data.get("awaits_buyer"):
        _pass(case, "buyer", event.at_ms)
    elif data["author"] == "buyer" and not data.get("no_reply_needed"):
        _pass(case, "seller", event.at_ms)


def is_exonerated(case: CaseState) -> bool:
    """The case is no defect (any more): withdrawn, another at fault, not counted, or left by its buyer."""
    if case.withdrawn_ms is not None:
        return True
    said = case.statement
    if said is not None and (said.fault in EXONERATING or not said.counts):
        return True
    return case.timer_closed_holder == "buyer"


def is_lost(case: CaseState) -> bool:
    """The last word says the seller's fault, or without one a timer closed it and the seller never acted."""
    if case.opened_ms is None or case.withdrawn_ms is not None:
        return False
    if case.statement is not None:
        return case.statement.fault == "seller" and case.statement.counts
    if case.timer_closed_holder is None:
        return False
    return case.timer_closed_holder != "buyer" and not case.acted_before_timer


def was_overturned(case: CaseState) -> bool | None:
    """Whether the last word on an appeal differs in fault, remedy or what counts; None before there is one."""
    return None if case.first_word is None or case.last_word is None else case.first_word[1:] != case.last_word[1:]


def was_reopened(case: CaseState, resolved_ms: int) -> bool:
    """A reopening followed within 7 days, the last instant included."""
    return any(resolved_ms <= moment <= resolved_ms + REOPEN_MS for moment in case.reopened_ms)


def standing_resolution(case: CaseState) -> int | None:
    """The first resolution not reopened within 7 days [epoch ms]."""
    return next((moment for moment in case.resolved_ms if not was_reopened(case, moment)), None)


def seller_ms(case: CaseState, calendar: WorkingCalendar, *, until_ms: int) -> int:
    """Working time that the seller held the case before `until_ms` [ms]."""
    return sum(
        calendar.elapsed_ms(span.from_ms, min(span.until_ms or until_ms, until_ms))
        for span in case.spans if span.holder == "seller" and span.from_ms < until_ms
    )


def limit_ms(case: CaseState, calendar: WorkingCalendar, *, allowed_ms: int) -> int | None:
    """The last instant at which the seller, holding the case now, has used no more than `allowed_ms` [epoch ms].

    None when somebody else holds it or the limit lies behind already.
    """
    if case.holder != "seller":
        return None
    since = case.spans[-1].from_ms
    left = allowed_ms - seller_ms(case, calendar, until_ms=since)
    return last_instant_or_never(calendar, since, left) if left >= 0 else None
