"""What happens when time is up: each thing once, whoever runs the timer and however often.

Every act takes the shop's lock, reads the dispute anew and asks the same pure function what is due; what another timer
did meanwhile is no longer there to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos.disputes import queries, rules
from operator_qos.disputes.acting import TIMER, Act, begin
from operator_qos.disputes.dues import Task, list_tasks
from operator_qos.disputes.service import Ruling, end_offers, hand_over, record_ruling
from operator_qos.disputes.settlement import break_settlement, confirm_performance, is_paid

DEFAULT_GROUNDS = {
    "en": "The seller was asked for evidence and sent none in the time the policy gives. The policy announces that the "
          "buyer's claim is then granted.",
    "fr": "Le vendeur, invité à fournir une preuve, n’en a envoyé aucune dans le délai prévu par la politique. "
          "Celle-ci annonce que la demande de l’acheteur est alors acceptée.",
}
SILENT_BUYER = {
    "en": "The buyer was asked for evidence and sent none in the time the policy gives. The claim is not supported.",
    "fr": "L’acheteur, invité à fournir une preuve, n’en a envoyé aucune dans le délai prévu par la politique. La "
          "demande n’est pas étayée.",
}


def find_task(session: Session, act: Act) -> Task | None:
    """The first thing that is due now; a reminder of what is over already helps nobody."""
    return next((task for task in _list_useful(act) if task.at < act.now), None)


def _list_useful(act: Act) -> list[Task]:
    tasks = list_tasks(act.dispute, act.kind, act.clocks)
    return [task for task in tasks if task.deadline is None or task.at == task.deadline or task.deadline >= act.now]


def run_timer(session: Session, *, dispute_id: int, now: datetime) -> str | None:
    """Do the first thing that is due for a dispute; returns what was done, None: nothing was left. Does not commit.

    Raises DisputeMissing and IllegalAction.
    """
    act = begin(session, "timer", dispute_id=dispute_id, actor=TIMER, now=now, check=False)
    act.settle_row()
    task = find_task(session, act)
    if task is None or (act.dispute.state in rules.TALKING and act.dispute.opened_at < now - rules.TIMER_REACH):
        _drop_lapsed(act)
        return None
    rules.check(task.action, act.dispute.state, TIMER.role)
    act.name, act.before = task.action, act.dispute.state
    _DOINGS[task.action](act, task)
    return act.name


def _drop_lapsed(act: Act) -> None:
    """Do not look again at a reminder whose deadline has passed."""
    useful = _list_useful(act)
    lapsed = [task for task in list_tasks(act.dispute, act.kind, act.clocks) if task not in useful]
    if lapsed:
        act.dispute.reminded_at = lapsed[0].deadline
        act.settle_row()


def _escalate(act: Act, _task: Task) -> None:
    hand_over(act, "escalate")


def _mark_overdue(act: Act, _task: Task) -> None:
    act.dispute.overdue_at = act.at
    act.note({})
    act.tell("dispute_overdue", act.event_id("overdue", int(act.dispute.opened_at.timestamp())), {})


def _remind(act: Act, task: Task) -> None:
    row, deadline = act.dispute, task.deadline or task.at
    row.reminded_at = deadline
    whom = _find_reminded(row.state, row.holder)
    act.note({"whom": whom, "due": deadline.isoformat()})
    if whom != "buyer":  # buyers hear of it through the marketplace's webhook
        key = act.event_id("remind", int(deadline.timestamp()))
        act.tell("dispute_reminder", key, {"due": deadline.isoformat()}, staff=whom == "mediator")


def _find_reminded(state: str, holder: str) -> str:
    if state in rules.TALKING or state == "settled":
        return "buyer" if holder == "buyer" else "seller"
    return holder if holder in rules.PARTIES else "mediator"


def _auto_close(act: Act, _task: Task) -> None:
    number = queries.count_events(act.session, act.dispute, "case.closed")
    event_id = act.event_id("auto-close", number)
    act.append(act.document(event_id, "case.closed", {"by": "automatic"}))
    end_offers(act)
    act.note({})
    act.tell("dispute_closed", event_id, {"how": "auto_closed"})


def _decide_by_default(act: Act, _task: Task) -> None:
    row = act.dispute
    language = act.place.language if act.place.language in DEFAULT_GROUNDS else "en"
    if row.holder == "buyer":
        record_ruling(act, Ruling("buyer", "none", 0, counts=False, grounds=SILENT_BUYER[language]))
        return
    amount = row.amount_minor or 0
    counts = "default" in act.kind.counts_as_defect
    remedy = "refund" if amount else "replacement"
    record_ruling(act, Ruling("seller", remedy, amount, counts=counts, grounds=DEFAULT_GROUNDS[language]))


def _end_appeal_window(act: Act, _task: Task) -> None:
    act.dispute.window_ended_at = act.at
    act.note({})


def _end_settlement(act: Act, _task: Task) -> None:
    """Nobody confirmed in time: what the log shows as paid is done, anything else is broken."""
    if is_paid(act.session, act):
        confirm_performance(act.session, dispute_id=act.dispute.id, actor=TIMER, now=act.now)
        act.name = "confirm_performance"
        return
    break_settlement(act, "not carried out in time")


_DOINGS: Mapping[str, Callable[[Act, Task], None]] = {
    "escalate": _escalate,
    "mark_overdue": _mark_overdue,
    "remind": _remind,
    "auto_close": _auto_close,
    "decide_by_default": _decide_by_default,
    "end_appeal_window": _end_appeal_window,
    "break_settlement": _end_settlement,
}


