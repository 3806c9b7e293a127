"""How the operator kept its own promises, quarter by quarter, and the yearly report on complaints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.exclusions.queries import list_request_clocks
from operator_qos.ledger.models import OutcomeRow, TurnFact
from operator_qos.ledger.slow_metrics import nearest_rank
from operator_qos.recourse.models import Appeal
from operator_qos.recourse.rules import OUTCOMES
from scoring.metrics import GROUP_CODES, METRICS

PROMISES = ("admissible", "appeal", "request", "mediation", "question")
KINDS = ("level", "badge", "warning", "act")


@dataclass(frozen=True)
class Owed:
    """One promise: since when and until when it was owed, and when it was settled; None while it is not."""

    since: datetime
    due: datetime
    settled: datetime | None


@dataclass(frozen=True)
class PromiseLine:
    """A promise over some time: `owed` are settled or past due, `seconds` the median until settled."""

    promise: str
    given: int
    owed: int
    in_time: int
    median_seconds: int | None

    @property
    def share(self) -> float | None:
        """The share in time; None without any owed."""
        return self.in_time / self.owed if self.owed else None


@dataclass(frozen=True)
class Quarter:
    """One quarter with its promises, and of the appeals decided in it those that changed something."""

    year: int
    number: int
    promises: Sequence[PromiseLine]
    decided: int
    changed: int

    @property
    def overturn_rate(self) -> float | None:
        """The share of decisions taken back wholly or partly; None without any decided appeal."""
        return self.changed / self.decided if self.decided else None


@dataclass(frozen=True)
class ComplaintReport:
    """Complaints filed in a year [UTC]: how many, of what, why, how they ended, how long it took [seconds]."""

    year: int
    filed: int
    kinds: Mapping[str, int]
    grounds: Mapping[str, int]
    outcomes: Mapping[str, int]
    decided: int
    mean_seconds: int | None
    median_seconds: int | None
    in_time: int
    restored: int

    def to_plain(self) -> dict[str, object]:
        """For JSON."""
        return {**vars(self), "kinds": dict(self.kinds), "grounds": dict(self.grounds),
                "outcomes": dict(self.outcomes)}

    def list_lines(self) -> list[tuple[str, str, object]]:
        """For CSV: section, name, value."""
        counts = [("total", name, getattr(self, name)) for name in (
            "filed", "decided", "mean_seconds", "median_seconds", "in_time", "restored")]
        groups = ("kinds", "grounds", "outcomes")
        return [("year", "year", self.year), *counts,
                *((group, name, count) for group in groups for name, count in getattr(self, group).items())]


def measure_promise(promise: str, owed: Iterable[Owed], *, now: datetime) -> PromiseLine:
    """A promise as people are told it: what is settled or past due counts, in time when at or before due."""
    given = list(owed)
    counted = [one for one in given if one.settled is not None or one.due < now]
    kept = sum(one.settled is not None and one.settled <= one.due for one in counted)
    seconds = sorted(int((one.settled - one.since).total_seconds()) for one in counted if one.settled is not None)
    return PromiseLine(promise, len(given), len(counted), kept, nearest_rank(seconds, 0.5) if seconds else None)


def list_quarters(session: Session, *, now: datetime, count: int = 4) -> list[Quarter]:
    """The operator's scorecard: this quarter and those before it, the latest first; nobody is named in it."""
    year, number = now.year, (now.month - 1) // 3 + 1
    found: list[Quarter] = []
    for _ in range(count):
        found.append(_read_quarter(session, year, number, now=now))
        year, number = (year, number - 1) if number > 1 else (year - 1, 4)
    return found


def _read_quarter(session: Session, year: int, number: int, *, now: datetime) -> Quarter:
    since = datetime(year, number * 3 - 2, 1, tzinfo=UTC)
    until = datetime(year + number // 4, number * 3 % 12 + 1, 1, tzinfo=UTC)
    appeals = list(session.scalars(select(Appeal).where(Appeal.filed_at >= since, Appeal.filed_at < until)))
    kept = [row for row in appeals if row.state != "withdrawn"]
    promises: dict[str, list[Owed]] = {
        "admissible": [Owed(row.filed_at, row.admissible_due_at, row.admitted_at) for row in kept],
        "appeal": [Owed(row.filed_at, row.decision_due_at, row.decided_at) for row in kept
                   if row.state != "inadmissible"],
        "request": [Owed(clock.asked_at, clock.due_at, clock.decided_at)
                    for clock in list_request_clocks(session, since, until)],
        "mediation": _list_mediations(session, since, until, now),
        "question": _list_questions(session, since, until),
    }
    ended = list(session.scalars(select(Appeal.state).where(
        Appeal.decided_at >= since, Appeal.decided_at < until, Appeal.state.in_(OUTCOMES))))
    lines = tuple(measure_promise(name, promises[name], now=now) for name in PROMISES)
    return Quarter(year, number, lines, len(ended), sum(state != "upheld" for state in ended))


def _list_questions(session: Session, since: datetime, until: datetime) -> list[Owed]:
    """Questions that the operator was to answer."""
    rows = session.execute(select(TurnFact.asked_ms, TurnFact.due_ms, TurnFact.answered_ms, TurnFact.waived_ms).where(
        TurnFact.owes == "operator", TurnFact.asked_ms >= to_ms(since), TurnFact.asked_ms < to_ms(until)))
    return [
        Owed(from_ms(asked), from_ms(due), None if answered is None else from_ms(answered))
        for asked, due, answered, waived in rows if due is not None and (answered is not None or waived is None)
    ]


def _list_mediations(session: Session, since: datetime, until: datetime, now: datetime) -> list[Owed]:
    """Cases passed to the mediators, by what the metrics of mediation say of them."""
    time, within = METRICS["mediation_time"].flag, METRICS["decision_within_rate"].flag
    rows = session.execute(select(OutcomeRow.anchor_ms, OutcomeRow.base, OutcomeRow.bad, OutcomeRow.amount).where(
        OutcomeRow.group_code == GROUP_CODES["mediation"], OutcomeRow.anchor_ms >= to_ms(since),
        OutcomeRow.anchor_ms < to_ms(until), OutcomeRow.from_ms < to_ms(now), OutcomeRow.until_ms >= to_ms(now)))
    found: list[Owed] = []
    for asked_ms, base, bad, seconds in rows:
        settled = from_ms(asked_ms + seconds * 1000) if base & time else None
        if base & within:
            # The rows know whether it was in time; the moment it was due is before or after what settled it.
            late = bool(bad & within)
            due = from_ms(asked_ms) if late else (settled or now)
            found.append(Owed(from_ms(asked_ms), due, settled))
    return found


def read_complaints(session: Session, year: int) -> ComplaintReport:
    """The complaints filed in a year."""
    since, until = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    rows = list(session.scalars(select(Appeal).where(
        Appeal.filed_at >= since, Appeal.filed_at < until).order_by(Appeal.id)))
    decided = [row for row in rows if row.state in OUTCOMES and row.decided_at is not None]
    seconds = sorted(int((row.decided_at - row.filed_at).total_seconds()) for row in decided if row.decided_at)
    kinds = Counter(name_kind(row.subject, is_act=row.act_id is not None) for row in rows)
    return ComplaintReport(
        year, len(rows), {name: kinds[name] for name in KINDS if kinds[name]},
        dict(sorted(Counter(row.grounds for row in rows).items())),
        dict(sorted(Counter(row.state for row in rows).items())), len(decided),
        round(Fraction(sum(seconds), len(seconds))) if seconds else None,
        nearest_rank(seconds, 0.5) if seconds else None,
        sum(row.decided_at <= row.decision_due_at for row in decided if row.decided_at),
        sum(row.state != "upheld" for row in decided))


def name_kind(subject: str, *, is_act: bool) -> str:
    """What kind of decision was contested."""
    first = subject.partition(":")[0]
    return "act" if is_act or first not in KINDS else first


def list_years(session: Session, *, now: datetime) -> list[int]:
    """The years with complaints, and this one, the latest first."""
    first = session.scalar(select(Appeal.filed_at).order_by(Appeal.filed_at).limit(1))
    return list(range(now.year, (first.year if first is not None else now.year) - 1, -1))
