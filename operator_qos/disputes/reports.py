"""How the mediation does: its clocks, how often it was overturned, whether like cases end alike, and for whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.clock import to_ms
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.rules import IN_MEDIATION, STATES
from operator_qos.ledger.models import OrderFact
from scoring.intervals import clopper_pearson

FEW = 5  # below this many like decisions there is nothing to agree with
SMALL_SHOP = 100  # orders in the report's time


@dataclass(frozen=True)
class Share:
    """`part` of `whole`, with the likely range of the share behind it; no range of nothing."""

    part: int
    whole: int
    low: float | None
    high: float | None

    @property
    def value(self) -> float | None:
        """The share itself."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True)
class Clock:
    """One mediator's desk and clocks over the time of the report; medians [s], None without a case."""

    mediator_id: int
    name: str
    open: int
    overdue: int
    decided: int
    assignment_seconds: int | None
    first_act_seconds: int | None
    decision_seconds: int | None
    in_time: Share
    overturned: Share
    consistent: Share


@dataclass(frozen=True)
class Group:
    """Decisions of one group: how many were for the buyer (another remedy than nothing)."""

    kind: str  # side, size, country
    name: str
    for_buyer: Share


@dataclass(frozen=True)
class Report:
    """Everything of `[since, until)`; `median_seconds` from opening to decision, as the Digital Services Act asks."""

    since: datetime
    until: datetime
    opened: int
    ended: Mapping[str, int]
    decided: int
    median_seconds: int | None
    overturned: Share
    appeals: Mapping[str, int]
    clocks: Sequence[Clock]
    groups: Sequence[Group]
    faults: Mapping[str, int]


_CLOCK_COLUMNS = tuple(getattr(Dispute, name) for name in (
    "kind", "reason", "fault", "remedy", "decided_by", "escalated_at", "assigned_at", "first_act_at", "decided_at",
    "decision_due_at"))
_COLUMNS = (*_CLOCK_COLUMNS, Dispute.shop_id, Dispute.outcome, Dispute.escalated_by, Dispute.opened_at)


@dataclass(frozen=True)
class _Decided:
    """One decided dispute, as far as the report asks."""

    row: Row[*tuple[Any, ...]]
    mediator_id: int | None
    country: str
    orders: int


_Precedents = dict[tuple[str | None, str | None], Counter[tuple[str, str]]]


def share(part: int, whole: int) -> Share:
    """A share with its likely range (Clopper-Pearson, 95 %)."""
    if whole == 0:
        return Share(part, whole, None, None)
    low, high = clopper_pearson(part, whole)
    return Share(part, whole, float(low), float(high))


def read_report(session: Session, *, since: datetime, until: datetime) -> Report:
    """The report of a time."""
    decided = _list_decided(session, since, until)
    finals = [d for d in decided if d.row.outcome is not None]
    took = [_seconds(d.row.opened_at, d.row.decided_at) for d in decided]
    opened = select(func.count(Dispute.id)).where(Dispute.opened_at >= since, Dispute.opened_at < until)
    return Report(
        since=since, until=until, opened=session.scalar(opened) or 0, ended=_count_ended(session, since, until),
        decided=len(decided), median_seconds=_median(took),
        overturned=share(sum(d.row.outcome != "upheld" for d in finals), len(finals)),
        appeals=Counter(str(d.row.outcome) for d in finals),
        clocks=_list_clocks(session, decided, since=since, until=until), groups=_list_groups(decided),
        faults=Counter(d.row.fault or "nobody" for d in decided),
    )


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None or end < start else int((end - start).total_seconds())


def _median(seconds: Iterable[int | None]) -> int | None:
    known = [value for value in seconds if value is not None]
    return int(median(known)) if known else None


def _list_decided(session: Session, since: datetime, until: datetime) -> list[_Decided]:
    mine = Dispute.decided_at >= since, Dispute.decided_at < until
    # Columns, not objects: a year's decisions are many.
    query = select(*_COLUMNS, OrderFact.country).outerjoin(
        OrderFact, (OrderFact.shop_id == Dispute.shop_id) & (OrderFact.order_ref == Dispute.order_ref))
    found = session.execute(query.where(*mine)).all()
    sizes = _count_orders(session, {row.shop_id for row in found}, since, until)
    return [_Decided(row, row.decided_by, row.country or "", sizes.get(row.shop_id, 0)) for row in found]


def _count_orders(session: Session, shops: set[int], since: datetime, until: datetime) -> dict[int, int]:
    query = select(OrderFact.shop_id, func.count()).where(
        OrderFact.shop_id.in_(shops), OrderFact.ordered_ms >= to_ms(since), OrderFact.ordered_ms < to_ms(until))
    return {row[0]: row[1] for row in session.execute(query.group_by(OrderFact.shop_id))}


def _count_ended(session: Session, since: datetime, until: datetime) -> dict[str, int]:
    """How disputes that were opened in the time stand now, in the order of the states."""
    query = select(Dispute.state, func.count()).where(Dispute.opened_at >= since, Dispute.opened_at < until)
    found = {row[0]: row[1] for row in session.execute(query.group_by(Dispute.state))}
    return {state: found[state] for state in STATES if state in found}


def _read_precedents(session: Session, during: Sequence[ColumnElement[bool]]) -> _Precedents:
    """How often each fault and remedy was decided, by kind and reason."""
    columns = Dispute.kind, Dispute.reason, Dispute.fault, Dispute.remedy
    found: _Precedents = defaultdict(Counter)
    for *asked, count in session.execute(select(*columns, func.count()).where(*during).group_by(*columns)):
        kind, reason, fault, remedy = asked
        found[kind, reason][_outcome(fault, remedy)] += count
    return found


def _outcome(fault: str | None, remedy: str | None) -> tuple[str, str]:
    return (fault or "nobody", remedy or "none")


def _count_usual(mine: Sequence[_Decided], precedents: _Precedents) -> Share:
    """How many decisions are the commonest one of their kind and reason, of those with enough others."""
    usual, known = 0, 0
    alike = Counter((d.row.kind, d.row.reason, d.row.fault, d.row.remedy) for d in mine)
    for (kind, reason, fault, remedy), number in alike.items():
        counts = precedents[kind, reason]
        if counts.total() >= FEW:
            known += number
            usual += number * (counts[_outcome(fault, remedy)] == max(counts.values()))
    return share(usual, known)


def find_own_clock(session: Session, *, mediator_id: int, since: datetime, until: datetime) -> Clock | None:
    """One mediator's desk and clocks, measured as the operator's report does; None for somebody who is none."""
    # Neither countries nor sizes of shops are asked for, nor the decisions of others, which is what costs.
    mine = Dispute.decided_at >= since, Dispute.decided_at < until, Dispute.decided_by == mediator_id
    decided = [_Decided(row, row.decided_by, "", 0) for row in session.execute(select(*_CLOCK_COLUMNS).where(*mine))]
    return next(iter(_list_clocks(session, decided, since=since, until=until, only=mediator_id)), None)


def _list_clocks(
    session: Session, decided: Sequence[_Decided], *, since: datetime, until: datetime, only: int | None = None
) -> list[Clock]:
    during = Dispute.decided_at >= since, Dispute.decided_at < until
    precedents, overturned = _read_precedents(session, during), _list_overturned(session, during)
    clocks = []
    mediators = select(User.id, User.name).where(User.role == "mediator").order_by(User.name, User.id)
    if only is not None:
        mediators = mediators.where(User.id == only)
    for mediator_id, name in session.execute(mediators):
        mine = [d for d in decided if d.mediator_id == mediator_id]
        waiting = select(func.count(Dispute.id)).where(
            Dispute.mediator_id == mediator_id, Dispute.state.in_(IN_MEDIATION))
        known_late = [d for d in mine if d.row.decision_due_at is not None]
        in_time = sum((d.row.decided_at or until) <= (d.row.decision_due_at or until) for d in known_late)
        clocks.append(Clock(
            mediator_id=mediator_id, name=name, open=session.scalar(waiting) or 0,
            overdue=session.scalar(waiting.where(Dispute.decision_due_at < until)) or 0, decided=len(mine),
            assignment_seconds=_median(_seconds(d.row.escalated_at, d.row.assigned_at) for d in mine),
            first_act_seconds=_median(_seconds(d.row.escalated_at, d.row.first_act_at) for d in mine),
            decision_seconds=_median(_seconds(d.row.escalated_at, d.row.decided_at) for d in mine),
            in_time=share(in_time, len(known_late)), overturned=overturned.get(mediator_id, share(0, 0)),
            consistent=_count_usual(mine, precedents),
        ))
    return clocks


def _list_overturned(session: Session, during: Sequence[ColumnElement[bool]]) -> dict[int, Share]:
    """By the mediator whose first decision was looked at again."""
    looked_at: Counter[int] = Counter()
    turned: Counter[int] = Counter()
    again = select(Dispute.first_ruling, Dispute.outcome).where(*during, Dispute.outcome.is_not(None))
    for ruling, outcome in session.execute(again):
        first = (ruling or {}).get("mediator")
        if first is None:
            continue
        looked_at[int(first)] += 1
        turned[int(first)] += outcome != "upheld"
    return {mediator: share(turned[mediator], number) for mediator, number in looked_at.items()}


def _list_groups(decided: Sequence[_Decided]) -> list[Group]:
    """For whom it was decided: by who asked for the mediator, by the shop's size, by the buyer's country."""
    sorts: Mapping[str, Callable[[_Decided], str]] = {
        "side": lambda d: str(d.row.escalated_by or "unknown"),
        "size": lambda d: "small" if d.orders < SMALL_SHOP else "large",
        "country": lambda d: d.country or "unknown",
    }
    groups = []
    for kind, name_of in sorts.items():
        named: dict[str, list[_Decided]] = defaultdict(list)
        for d in decided:
            named[name_of(d)].append(d)
        for name in sorted(named):
            won = sum((d.row.remedy or "none") != "none" for d in named[name])
            groups.append(Group(kind, name, share(won, len(named[name]))))
    return groups


def count_steps(session: Session, *, since: datetime, until: datetime) -> dict[str, int]:
    """How often each action was done."""
    query = select(DisputeStep.kind, func.count()).where(DisputeStep.at >= since, DisputeStep.at < until)
    return {row[0]: row[1] for row in session.execute(query.group_by(DisputeStep.kind))}


