"""The operator's own metrics: how its mediators served the cases passed to them, and the cases behind each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.reports import Share, share
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.slow_metrics import nearest_rank
from scoring.metrics import GROUP_CODES, METRICS


@dataclass(frozen=True)
class EscalatedCase:
    """A case passed to a mediator at `escalated_ms` [epoch ms]; `dispute_id` is None where no dispute was kept."""

    case: str
    escalated_ms: int
    dispute_id: int | None
    was_late: bool
    was_changed: bool


@dataclass(frozen=True)
class OwnPromises:
    """Of the cases escalated in the time: `median_seconds` to the first decision, and what counts against us."""

    escalated: int
    median_seconds: int | None
    in_time: Share
    changed: Share
    against: Sequence[EscalatedCase]


def read_own_promises(session: Session, *, since: datetime, until: datetime) -> OwnPromises:
    """The numbers of cases escalated in `[since, until)`, as of `until`."""
    rows = _list_rows(session, to_ms(since), to_ms(until))
    time, within, overturned = (
        METRICS[name].flag for name in ("mediation_time", "decision_within_rate", "overturn_rate"))
    seconds = sorted(row.amount for row in rows if row.base & time)
    against = [
        EscalatedCase(row.case, row.escalated_ms, row.dispute_id, bool(row.bad & within), bool(row.bad & overturned))
        for row in rows if row.bad & (within | overturned)
    ]
    return OwnPromises(
        len(rows), nearest_rank(seconds, 0.5) if seconds else None,
        share(sum(not row.bad & within for row in rows if row.base & within), _count(rows, within)),
        share(sum(bool(row.bad & overturned) for row in rows), _count(rows, overturned)), against)


class _Row(NamedTuple):
    case: str
    escalated_ms: int
    base: int
    bad: int
    amount: int
    dispute_id: int | None


def _count(rows: Sequence[_Row], flag: int) -> int:
    return sum(bool(row.base & flag) for row in rows)


def _list_rows(session: Session, since_ms: int, until_ms: int) -> list[_Row]:
    """The escalated cases with the numbers of their disputes, the latest first."""
    columns = (OutcomeRow.unit, OutcomeRow.anchor_ms, OutcomeRow.base, OutcomeRow.bad, OutcomeRow.amount, Dispute.id)
    query = select(*columns).outerjoin(
        Dispute, (Dispute.shop_id == OutcomeRow.shop_id) & (Dispute.case_ref == OutcomeRow.unit)
    ).where(
        OutcomeRow.group_code == GROUP_CODES["mediation"], OutcomeRow.anchor_ms >= since_ms,
        OutcomeRow.anchor_ms < until_ms, OutcomeRow.from_ms < until_ms, OutcomeRow.until_ms >= until_ms,
    ).order_by(OutcomeRow.anchor_ms.desc(), OutcomeRow.unit)
    return [_Row(*row) for row in session.execute(query)]
