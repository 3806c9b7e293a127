"""The deadlines of a dispute as stored, and what the timer has to do next; pure, from the row and its policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from operator_qos.disputes.clocks import Clocks
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.policies import KindPolicy, Limit
from operator_qos.disputes.rules import IN_MEDIATION, TALKING


@dataclass(frozen=True)
class Situation:
    """What the facts say beside the row: `resolve_due_at` by the standard, the buyer's turn since `buyer_since_at`."""

    resolve_due_at: datetime | None = None
    answered: bool = False
    buyer_since_at: datetime | None = None


@dataclass(frozen=True)
class Task:
    """What the timer does once `at` has passed; `deadline`: the moment a reminder speaks of."""

    at: datetime
    action: str
    deadline: datetime | None = None


def set_dues(row: Dispute, kind: KindPolicy, clocks: Clocks, situation: Situation) -> None:
    """Write the deadlines that follow from the policy into the row, the timer's last."""
    row.response_due_at = _find_response_due(row, kind, clocks, situation)
    holds = row.holder == "seller" and row.state in TALKING
    row.seller_due_at = row.response_due_at or (situation.resolve_due_at if holds else None)
    earliest = kind.escalation_earliest
    row.escalation_from_at = clocks.end(earliest, row.opened_at) if earliest is not None else None
    row.auto_close_at = _find_auto_close(row, kind, clocks, situation)
    row.timer_at = min((task.at for task in list_tasks(row, kind, clocks)), default=None)


def _find_response_due(row: Dispute, kind: KindPolicy, clocks: Clocks, situation: Situation) -> datetime | None:
    limit = kind.seller_first_response
    if limit is None or situation.answered or row.state not in {"opened", "seller_overdue"}:
        return None
    return clocks.end(limit, row.opened_at)


def _find_auto_close(row: Dispute, kind: KindPolicy, clocks: Clocks, situation: Situation) -> datetime | None:
    """The end of the buyer's time: the next move is theirs while they hold it, or once the seller was overdue."""
    if kind.auto_close_after is None or row.state not in TALKING:
        return None
    since = situation.buyer_since_at
    if since is None and row.state == "seller_overdue":
        since = row.opened_at
    if since is None:
        return None
    return clocks.end(kind.auto_close_after, max(since, row.moved_at or since))


def list_tasks(row: Dispute, kind: KindPolicy, clocks: Clocks) -> list[Task]:
    """Everything the timer will have to do if nobody acts; the earliest first."""
    found = [*_list_talking(row, kind, clocks), *_list_mediated(row, kind), *_list_ended(row)]
    found += _list_reminders(row, kind, clocks)
    return sorted(found, key=lambda task: task.at)


def _list_talking(row: Dispute, kind: KindPolicy, clocks: Clocks) -> list[Task]:
    if row.state not in TALKING:
        return []
    found: list[Task] = []
    if kind.seller_first_response is None and row.seller_due_at is not None:
        found.append(Task(row.seller_due_at, "escalate"))
    elif row.response_due_at is not None and kind.seller_silent == "escalate":
        found.append(Task(row.response_due_at, "escalate"))
    elif row.response_due_at is not None and row.state == "opened":
        found.append(Task(row.response_due_at, "mark_overdue"))
    if kind.escalate_automatically is not None:
        found.append(Task(clocks.end(kind.escalate_automatically, row.opened_at), "escalate"))
    if row.auto_close_at is not None:
        found.append(Task(row.auto_close_at, "auto_close"))
    return found


def _list_mediated(row: Dispute, kind: KindPolicy) -> list[Task]:
    if row.state != "evidence_asked" or row.evidence_due_at is None:
        return []
    if row.holder == "seller" and kind.evidence_silent == "mediator":
        passed = row.reminded_at is not None and row.reminded_at >= row.evidence_due_at
        return [] if passed else [Task(row.evidence_due_at, "remind", row.evidence_due_at)]
    return [Task(row.evidence_due_at, "decide_by_default")] if row.holder in {"seller", "buyer"} else []


def _list_ended(row: Dispute) -> list[Task]:
    if row.state == "settled" and row.perform_due_at is not None:
        return [Task(row.perform_due_at, "break_settlement")]
    if row.state == "decided" and row.appeal_until_at is not None:
        return [Task(row.appeal_until_at, "end_appeal_window")]
    return []


def find_deadline(row: Dispute) -> datetime | None:
    """The deadline of whoever has to act now."""
    if row.state in TALKING:
        return row.seller_due_at if row.state != "seller_overdue" else None
    if row.state == "evidence_asked":
        return row.evidence_due_at
    if row.state == "settled":
        return row.perform_due_at
    return row.decision_due_at if row.state in IN_MEDIATION else None


def _list_reminders(row: Dispute, kind: KindPolicy, clocks: Clocks) -> list[Task]:
    deadline, before = find_deadline(row), kind.remind_before
    if deadline is None or before is None or row.reminded_at == deadline:
        return []
    at = _go_back(deadline, before, clocks)
    return [Task(at, "remind", deadline)] if at > row.opened_at else []


def _go_back(deadline: datetime, limit: Limit, clocks: Clocks) -> datetime:
    """That long before a deadline on the wall clock; working time is counted in plain days."""
    plain = Limit(limit.amount, limit.unit.removeprefix("working "), "wall")
    return deadline - (clocks.end(plain, deadline) - deadline)
