"""Reading what the search for shared faults looks at, and the incidents it or a person proposed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.db import among
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


@dataclass(frozen=True)
class FaultUnits:
    """Units of one metric on one marketplace, one per place: `day` is its local day [ordinal], −1 an unknown group."""

    metric: str
    unit: Sequence[str]
    order_ref: Sequence[str | None]
    dossier: Ints
    shop: Ints
    seller: Ints
    anchor_ms: Ints
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
    bounds = [end_of_day_ms(date.fromordinal(n), place.zone)
              for n in range(first.toordinal() - 1, last.toordinal() + 1)]
    times = (bounds[0], bounds[-1], to_ms(now))
    found = session.execute(_select_units(session, place.id, metric, times, shop_ids)).all()
    anchors = np.array([row.anchor_ms for row in found], dtype=np.int64)
    groups = {name: [place.id if name == "marketplace" else getattr(row, name) for row in found]
              for name in DIMENSIONS}
    names = {name: sorted({value for value in values if value}) for name, values in groups.items()}
    return FaultUnits(
        metric, [row.unit for row in found], [row.order_ref for row in found], _ints(row.dossier_id for row in found),
        _ints(row.shop_id for row in found), _ints(row.seller_id for row in found), anchors,
        np.searchsorted(np.array(bounds), anchors, side="right") + first.toordinal() - 1,
        np.array([bool(row.bad) for row in found], dtype=bool),
        {name: _encode(values, names[name]) for name, values in groups.items()}, names)


def list_names(session: Session, units: FaultUnits, places: Ints) -> list[tuple[int, Name]]:
    """What to forgive for some units, with their place: the promise, and a late delivery that stands with it."""
    kind = METRIC_KINDS[units.metric]
    dossiers = units.dossier[places].tolist()
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
    found: list[tuple[int, Name]] = []
    for place in places.tolist():
        unit = units.unit[place]
        found.append((place, (kind, *turns.get(unit, (unit,)))))
        if (int(units.dossier[place]), unit) in late:
            found.append((place, ("defect", "late_delivery", unit)))
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


def _ints(values: Any) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _encode(values: Sequence[str | None], known: Sequence[str]) -> Ints:
    places = {name: place for place, name in enumerate(known)}
    return _ints(places.get(value or "", -1) for value in values)


def _select_units(
    session: Session, marketplace_id: str, metric: str, times: tuple[int, int, int],
    shop_ids: Collection[int] | None,
) -> Any:
    """`times` are the first instant, the one after the last, and T [epoch ms]."""
    defined = METRICS[metric]
    shops = session.scalars(select(Shop.id).where(Shop.marketplace_id == marketplace_id)).all()
    mine = set(shops) if shop_ids is None else set(shops) & set(shop_ids)
    fact = and_(OrderFact.dossier_id == OutcomeRow.dossier_id, OrderFact.order_ref == OutcomeRow.order_ref)
    placed = and_(Event.dossier_id == OutcomeRow.dossier_id, Event.subject == OutcomeRow.order_ref,
                  Event.type_rank == RANKS["order.placed"])
    return (
        select(OutcomeRow.unit, OutcomeRow.order_ref, OutcomeRow.dossier_id, OutcomeRow.shop_id, Shop.seller_id,
               OutcomeRow.anchor_ms, OutcomeRow.official_bad.op("&")(defined.flag).label("bad"), OrderFact.carrier,
               OrderFact.country, OrderFact.category, func.min(Event.source).label("source"))
        .join(Shop, Shop.id == OutcomeRow.shop_id).outerjoin(OrderFact, fact).outerjoin(Event, placed)
        .where(among(session, OutcomeRow.shop_id, mine), OutcomeRow.group_code == GROUP_CODES[defined.group],
               OutcomeRow.anchor_ms >= times[0], OutcomeRow.anchor_ms < times[1], OutcomeRow.from_ms < times[2],
               OutcomeRow.until_ms >= times[2], OutcomeRow.official_base.op("&")(defined.flag) != 0)
        .group_by(OutcomeRow.row_id, Shop.seller_id, OrderFact.row_id)
        .order_by(OutcomeRow.anchor_ms, OutcomeRow.row_id)
    )
