"""Reading what the search for shared faults looks at, and the incidents it or a person proposed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.db import among, chunks
from operator_qos.events.models import Event
from operator_qos.exclusions.models import ExclusionItem, FaultIncident
from operator_qos.exclusions.rules import METRIC_KINDS
from operator_qos.ledger.models import DefectFact, OrderFact, OutcomeRow, TurnFact
from operator_qos.sellers.models import Marketplace, Shop
from scoring.dossier import Name
from scoring.events import RANKS
from scoring.metrics import GROUP_CODES, METRICS
from scoring.shared_fault import Flags, Ints, Rows

# The metrics searched, and by what their units are grouped; the marketplace itself is the group of all.
METRICS_SEARCHED = ("late_shipment_rate", "on_time_delivery_rate", "valid_tracking_rate", "response_within_rate")
# After how many days a failure is one for good: the first scan often comes with the delivery.
LAG_DAYS = {"valid_tracking_rate": 10}
# Of groups that hold the same units the first is named.
DIMENSIONS = ("marketplace", "carrier", "country", "category", "source")
# How many units are held as objects at a time.
PART_ROWS = 20_000


@dataclass(frozen=True)
class FaultUnits:
    """Units of one metric on one marketplace, one per place: `day` is its local day [ordinal], −1 an unknown group.

    Numbers alone, some 70 bytes a unit: what a failure is called is read for those that are proposed.
    """

    metric: str
    row: Ints
    seller: Ints
    day: Ints
    bad: Flags
    codes: Mapping[str, Ints]
    names: Mapping[str, Sequence[str]]

    def rows(self, first: date, last: date, *, before: tuple[date, date]) -> Rows:
        """What the detector compares: the days looked at with those before."""
        recent = (self.day >= first.toordinal()) & (self.day <= last.toordinal())
        kept = recent | ((self.day >= before[0].toordinal()) & (self.day <= before[1].toordinal()))
        return Rows(self.seller[kept], recent[kept], self.bad[kept],
                    {name: codes[kept] for name, codes in self.codes.items()})

    def find_group(self, dimension: str, value: str) -> Flags:
        """The units of a group; none of one that nobody knows."""
        known = list(self.names[dimension])
        code = known.index(value) if value in known else -2
        return np.asarray(self.codes[dimension] == code)


@dataclass(frozen=True)
class Failure:
    """One unit that failed, as it is named."""

    unit: str
    order_ref: str | None
    dossier_id: int
    shop_id: int
    anchor_ms: int


@dataclass(frozen=True)
class MarketPlace:
    """A marketplace to be searched."""

    id: str
    name: str
    zone: str


@dataclass(frozen=True)
class IncidentRow:
    """One incident; `things` counts what it is about, `shops` in how many shops."""

    id: int
    marketplace_id: str
    marketplace: str
    zone: str
    metric: str
    dimension: str
    value: str
    first_on: date
    last_on: date
    cause: str
    state: str
    numbers: Mapping[str, Any] | None
    effects: Sequence[Mapping[str, Any]] | None
    found_at: datetime
    updated_at: datetime
    made_by: str
    decided_at: datetime | None
    decided_by: str | None
    why: str
    things: int = 0
    shops: int = 0


class IncidentMissing(LookupError):
    """There is no such incident."""


def list_places(session: Session) -> list[MarketPlace]:
    """Every marketplace, by id."""
    columns = (Marketplace.id, Marketplace.name, Marketplace.timezone)
    return [MarketPlace(*row) for row in session.execute(select(*columns).order_by(Marketplace.id))]


def read_units(
    session: Session, place: MarketPlace, metric: str, *, first: date, last: date, now: datetime,
    shop_ids: Collection[int] | None = None,
) -> FaultUnits:
    """The units of a metric that count officially now, anchored on some local days, with their groups."""
    bounds = np.array([end_of_day_ms(date.fromordinal(n), place.zone)
                       for n in range(first.toordinal() - 1, last.toordinal() + 1)])
    query = _select_units(session, place.id, metric, (int(bounds[0]), int(bounds[-1]), to_ms(now)), shop_ids)
    known: dict[str, dict[str, int]] = {name: {} for name in DIMENSIONS}
    parts = [_read_part(list(zip(*rows, strict=True)), known, place.id)
             for rows in session.execute(query, execution_options={"yield_per": PART_ROWS}).partitions()]
    row, seller, anchors, bad, *codes = np.concatenate([np.empty((4 + len(DIMENSIONS), 0), dtype=np.int64), *parts],
                                                       axis=1)
    day = np.searchsorted(bounds, anchors, side="right") + first.toordinal() - 1
    return FaultUnits(
        metric, row, seller, day, bad != 0,
        {name: _rank(mine, known[name]) for name, mine in zip(DIMENSIONS, codes, strict=True)},
        {name: sorted(known[name]) for name in DIMENSIONS})


def count_failing_sellers(
    session: Session, place: MarketPlace, metric: str, *, first: date, last: date, now: datetime,
) -> int:
    """How many sellers have a unit that failed, anchored on some local days: a quick look before units are read."""
    start_ms, end_ms = (end_of_day_ms(on, place.zone) for on in (first - timedelta(days=1), last))
    return session.scalar(
        select(func.count(Shop.seller_id.distinct())).select_from(OutcomeRow)
        .join(Shop, Shop.id == OutcomeRow.shop_id)
        .where(*_count_then(place.id, metric, (start_ms, end_ms, to_ms(now))),
               OutcomeRow.official_bad.op("&")(METRICS[metric].flag) != 0)) or 0


def list_failures(session: Session, rows: Iterable[int]) -> list[Failure]:
    """Units by their rows, in order of time."""
    found = [row for part in chunks(list(rows)) for row in session.execute(
        select(OutcomeRow.unit, OutcomeRow.order_ref, OutcomeRow.dossier_id, OutcomeRow.shop_id, OutcomeRow.anchor_ms,
               OutcomeRow.row_id).where(among(session, OutcomeRow.row_id, part)))]
    return [Failure(*row[:-1]) for row in sorted(found, key=lambda row: (row.anchor_ms, row.row_id))]


def list_names(session: Session, metric: str, failures: Sequence[Failure]) -> list[tuple[Failure, Name]]:
    """What to forgive for some failures: the promise, and a late delivery that stands with it."""
    kind, dossiers = METRIC_KINDS[metric], [failure.dossier_id for failure in failures]
    turns: dict[str, tuple[str, str]] = {}
    if kind == "answer":
        turns = {f"{source}|{event}": (source, event) for source, event in session.execute(
            select(TurnFact.source, TurnFact.event_id).where(among(session, TurnFact.dossier_id, dossiers)))}
    late: set[tuple[int, str]] = set()
    if kind == "deliver":
        late = {(dossier, ref) for dossier, ref in session.execute(
            select(DefectFact.dossier_id, DefectFact.order_ref).where(
                among(session, DefectFact.dossier_id, dossiers), DefectFact.kind == "late_delivery",
                DefectFact.until_ms.is_(None)))}
    found: list[tuple[Failure, Name]] = []
    for failure in failures:
        found.append((failure, (kind, *turns.get(failure.unit, (failure.unit,)))))
        if (failure.dossier_id, failure.unit) in late:
            found.append((failure, ("defect", "late_delivery", failure.unit)))
    return found


def list_incidents(session: Session, *, state: str | None = None, limit: int = 100) -> list[IncidentRow]:
    """Incidents, the latest first."""
    query = select(FaultIncident, Marketplace.name, Marketplace.timezone).join(
        Marketplace, Marketplace.id == FaultIncident.marketplace_id).order_by(FaultIncident.id.desc()).limit(limit)
    if state is not None:
        query = query.where(FaultIncident.state == state)
    rows = session.execute(query).all()
    counts = {row.incident_id: (row.things, row.shops) for row in session.execute(
        select(ExclusionItem.incident_id, func.count().label("things"),
               func.count(ExclusionItem.shop_id.distinct()).label("shops"))
        .where(ExclusionItem.incident_id.in_([row[0].id for row in rows])).group_by(ExclusionItem.incident_id))}
    return [_to_incident(row[0], row[1], row[2], counts.get(row[0].id, (0, 0))) for row in rows]


def get_incident(session: Session, incident_id: int) -> IncidentRow:
    """One incident. Raises IncidentMissing."""
    row = session.execute(select(FaultIncident, Marketplace.name, Marketplace.timezone).join(
        Marketplace, Marketplace.id == FaultIncident.marketplace_id).where(
            FaultIncident.id == incident_id)).one_or_none()
    if row is None:
        raise IncidentMissing(incident_id)
    things, shops = session.execute(select(func.count(), func.count(ExclusionItem.shop_id.distinct())).where(
        ExclusionItem.incident_id == incident_id)).one()
    return _to_incident(row[0], row[1], row[2], (things, shops))


def count_proposed(session: Session) -> int:
    """Incidents that wait for a decision."""
    return session.scalar(select(func.count(FaultIncident.id)).where(FaultIncident.state == "proposed")) or 0


def find_overlapping(
    session: Session, incident: IncidentRow, *, state: str, slack: timedelta = timedelta(),
) -> FaultIncident | None:
    """The latest incident about the same group, in a state, whose days meet or nearly meet."""
    return session.scalars(select(FaultIncident).where(
        FaultIncident.marketplace_id == incident.marketplace_id, FaultIncident.metric == incident.metric,
        FaultIncident.dimension == incident.dimension, FaultIncident.value == incident.value,
        FaultIncident.state == state, FaultIncident.first_on <= incident.last_on + slack,
        FaultIncident.last_on >= incident.first_on - slack).order_by(FaultIncident.id.desc())).first()


def _to_incident(row: FaultIncident, name: str, zone: str, counts: tuple[int, int]) -> IncidentRow:
    ours = {"marketplace", "zone", "things", "shops"}
    mine = [field for field in IncidentRow.__dataclass_fields__ if field not in ours]
    plain = IncidentRow(marketplace=name, zone=zone, **{field: getattr(row, field) for field in mine})
    return replace(plain, things=counts[0], shops=counts[1])


def _read_part(columns: Sequence[Sequence[Any]], known: Mapping[str, dict[str, int]], place_id: str) -> Ints:
    """Some units, a line of numbers per column: row, seller, anchor [epoch ms], bad, and a code per dimension."""
    named = dict(zip(("carrier", "country", "category", "source"), columns[4:], strict=True))
    groups = [_encode(named.get(name, (place_id,) * len(columns[0])), known[name]) for name in DIMENSIONS]
    return np.array([*columns[:4], *groups], dtype=np.int64)


def _encode(values: Sequence[str | None], known: dict[str, int]) -> list[int]:
    return [known.setdefault(value, len(known)) if value else -1 for value in values]


def _rank(codes: Ints, known: Mapping[str, int]) -> Ints:
    """The codes in the order of their names, so that they do not depend on the order in which units were read."""
    ranks = np.full(len(known) + 1, -1, dtype=np.int64)  # the last place answers for −1
    for rank, name in enumerate(sorted(known)):
        ranks[known[name]] = rank
    return ranks[codes]


def _select_units(
    session: Session, marketplace_id: str, metric: str, times: tuple[int, int, int],
    shop_ids: Collection[int] | None,
) -> Select[Any]:
    """`times` are the first instant, the one after the last, and T [epoch ms]."""
    defined = METRICS[metric]
    fact = and_(OrderFact.dossier_id == OutcomeRow.dossier_id, OrderFact.order_ref == OutcomeRow.order_ref)
    source = select(func.min(Event.source)).where(
        Event.dossier_id == OutcomeRow.dossier_id, Event.subject == OutcomeRow.order_ref,
        Event.type_rank == RANKS["order.placed"]).scalar_subquery()
    query = (
        select(OutcomeRow.row_id, Shop.seller_id, OutcomeRow.anchor_ms, OutcomeRow.official_bad.op("&")(defined.flag),
               OrderFact.carrier, OrderFact.country, OrderFact.category, source)
        .join(Shop, Shop.id == OutcomeRow.shop_id).outerjoin(OrderFact, fact)
        .where(*_count_then(marketplace_id, metric, times))
    )
    return query if shop_ids is None else query.where(among(session, OutcomeRow.shop_id, shop_ids))


def _count_then(marketplace_id: str, metric: str, times: tuple[int, int, int]) -> tuple[ColumnElement[bool], ...]:
    """What makes a unit count officially; `times` as above."""
    defined = METRICS[metric]
    return (Shop.marketplace_id == marketplace_id, OutcomeRow.group_code == GROUP_CODES[defined.group],
            OutcomeRow.anchor_ms >= times[0], OutcomeRow.anchor_ms < times[1], OutcomeRow.from_ms < times[2],
            OutcomeRow.until_ms >= times[2], OutcomeRow.official_base.op("&")(defined.flag) != 0)
