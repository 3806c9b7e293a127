"""Faults that sellers share: searched for day by day, proposed, and approved or dismissed by a person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import from_ms
from operator_qos.db import chunks, lock_shops
from operator_qos.exclusions import queries
from operator_qos.exclusions.effects import Effect, list_effects
from operator_qos.exclusions.incidents import queries as incidents
from operator_qos.exclusions.incidents.queries import LAG_DAYS, METRICS_SEARCHED, FaultUnits, IncidentRow, MarketPlace
from operator_qos.exclusions.models import ExclusionItem, FaultIncident, FaultSearch
from operator_qos.exclusions.rules import BY_ID, METRIC_KINDS, write_thing
from operator_qos.exclusions.service import RequestRefused, record, require_text, sign
from operator_qos.notices.service import announce
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from scoring.shared_fault import Ints, Limits, Rows, SharedFault, find_shared_faults, find_span

WINDOW_DAYS = 7
# Between the days looked at and those before lie some that belong to neither: a fault may have begun in them.
GAP_DAYS = 7
BEFORE_DAYS = 56
SPAN_DAYS = 28
FIRST_SEARCH_DAYS = 90
SLACK = timedelta(days=14)
SYSTEM = "system"
# The cause proposed; whoever approves chooses.
CAUSES = {"carrier": "carrier_outage", "marketplace": "platform_fault", "source": "platform_fault"}


@dataclass(frozen=True)
class Group:
    """What an incident is about: units of a metric in a group, on some days."""

    metric: str
    dimension: str
    value: str
    first_on: date
    last_on: date


def search_faults(session: Session, place: MarketPlace, *, now: datetime) -> list[int]:
    """Search every day of a marketplace that has ended and was not searched yet; returns the incidents touched.

    The first search goes 90 days back. An open proposal is brought up to date, a dismissed one not repeated.
    Does not commit.
    """
    last = now.astimezone(ZoneInfo(place.zone)).date() - timedelta(days=1)
    mark = session.get(FaultSearch, place.id)
    since = last - timedelta(days=FIRST_SEARCH_DAYS) if mark is None else mark.searched_on + timedelta(days=1)
    if since > last:
        return []
    touched: set[int] = set()
    for metric in METRICS_SEARCHED:
        lag = timedelta(days=LAG_DAYS.get(metric, 0))
        touched |= _search_metric(session, place, metric, (since - lag, last - lag), now=now)
    session.merge(FaultSearch(marketplace_id=place.id, searched_on=last))
    session.flush()
    return sorted(touched)


def propose_incident(
    session: Session, place: MarketPlace, group: Group, *, cause: str, actor: str, now: datetime,
    shop_ids: Collection[int] | None = None,
) -> int:
    """Propose by hand to forgive what failed in a group on some days; returns the incident. Does not commit.

    Raises RequestRefused where nothing of the kind counts against anybody.
    """
    if cause not in BY_ID or METRIC_KINDS.get(group.metric) not in BY_ID[cause].kinds:
        raise RequestRefused("kind" if cause in BY_ID else "cause")
    units = incidents.read_units(
        session, place, group.metric, first=group.first_on, last=group.last_on, now=now, shop_ids=shop_ids)
    affected = _find_affected(units, group)
    if not affected.size:
        raise RequestRefused("nothing")
    row = _add_incident(session, place, group, cause=cause, actor=actor, now=now)
    _write_items(session, row, units, affected)
    append_audit(session, actor=actor, now=now, action="incident.proposed", subject=f"incident:{row.id}",
                 after={**_describe(row), "things": int(affected.size)})
    return row.id


def approve_incident(
    session: Session, *, incident_id: int, cause: str, why: str, actor: str, now: datetime,
) -> list[Effect]:
    """Forgive what an incident is about, in every shop; official numbers follow, raw ones stay. Does not commit.

    Returns what moved. Raises IncidentMissing, RequestRefused.
    """
    row, reasons = _lock_proposed(session, incident_id, why)
    if cause not in BY_ID or METRIC_KINDS[row.metric] not in BY_ID[cause].kinds:
        raise RequestRefused("kind" if cause in BY_ID else "cause")
    items = _grant_items(session, row, BY_ID[cause].scope)
    effects = list_effects(session, queries.list_items(session, incident_id=incident_id), now=now)
    for card in _list_cards(session, items):
        mine = [item for item in items if item.shop_id == card.id]
        said = {"cause": cause, "proof": f"Incident {incident_id}: {reasons}", "by": sign(actor)}
        record(session, card, "obligation.excluded", mine, said, mark=f"incident:{incident_id}", now=now)
        _tell_seller(session, card, row, cause, len(mine), now=now)
    row.cause, row.effects = cause, [asdict(effect) for effect in effects]
    _close(session, row, "approved", reasons, actor=actor, now=now)
    return effects


def dismiss_incident(session: Session, *, incident_id: int, why: str, actor: str, now: datetime) -> None:
    """Let what an incident is about count. Raises IncidentMissing, RequestRefused. Does not commit."""
    row, reasons = _lock_proposed(session, incident_id, why)
    for item in _list_rows(session, incident_id):
        item.state = "dismissed"
    _close(session, row, "dismissed", reasons, actor=actor, now=now)


def end_incident(session: Session, *, incident_id: int, why: str, actor: str, now: datetime) -> int:
    """Let what was forgiven for an incident count again; returns how many things. Does not commit.

    Raises IncidentMissing, RequestRefused.
    """
    incidents.get_incident(session, incident_id)
    items = _list_rows(session, incident_id)
    lock_shops(session, {item.shop_id for item in items})
    reasons, granted = require_text("why", why), [item for item in items if item.state == "granted"]
    if not granted:
        raise RequestRefused("not_granted")
    for card in _list_cards(session, granted):
        mine = [item for item in granted if item.shop_id == card.id]
        record(session, card, "obligation.restored", mine, {"by": sign(actor)}, mark=f"incident:{incident_id}:end",
               now=now)
    for item in granted:
        item.state = "ended"
    append_audit(session, actor=actor, now=now, action="incident.ended", subject=f"incident:{incident_id}",
                 before={"things": len(granted)}, why=reasons[:2_000])
    return len(granted)


# Searching


def _search_metric(
    session: Session, place: MarketPlace, metric: str, days: tuple[date, date], *, now: datetime,
) -> set[int]:
    """Search some days by one metric. Weeks of units are read only where something may come of it."""
    since, last = days
    begin = since - timedelta(days=WINDOW_DAYS + GAP_DAYS + BEFORE_DAYS)
    failing = incidents.count_failing_sellers(
        session, place, metric, first=since - timedelta(days=WINDOW_DAYS - 1), last=last, now=now)
    is_open = session.scalar(_select_open(place, metric, begin).limit(1)) is not None
    if failing < Limits().sellers and not is_open:
        return set()
    units = incidents.read_units(session, place, metric, first=begin, last=last, now=now)
    found = [_propose_found(session, place, units, group, fault, now=now)
             for group, fault in _search(units, since, last)]
    _refresh_open(session, place, units, begin)
    return set().union(*found)


def _select_open(place: MarketPlace, metric: str, first: date) -> Select[FaultIncident]:
    """The proposals of the search that wait for a decision and begin on a day or later."""
    return select(FaultIncident).where(
        FaultIncident.marketplace_id == place.id, FaultIncident.metric == metric, FaultIncident.state == "proposed",
        FaultIncident.open_key.is_not(None), FaultIncident.first_on >= first)


def _search(units: FaultUnits, since: date, last: date) -> Iterator[tuple[Group, SharedFault]]:
    for number in range(since.toordinal(), last.toordinal() + 1):
        end = date.fromordinal(number)
        start = end - timedelta(days=WINDOW_DAYS - 1)
        until = start - timedelta(days=GAP_DAYS + 1)
        rows: Rows = units.rows(start, end, before=(until - timedelta(days=BEFORE_DAYS - 1), until))
        for fault in find_shared_faults(rows) if rows.recent.any() else ():
            yield _find_days(units, fault, end), fault


def _find_days(units: FaultUnits, fault: SharedFault, end: date) -> Group:
    """The days in which the group stands out, within the weeks before."""
    days = np.arange(end.toordinal() - SPAN_DAYS + 1, end.toordinal() + 1)
    inside = units.codes[fault.dimension] == fault.group
    places = np.clip(units.day - days[0], -1, SPAN_DAYS)
    within = inside & (places >= 0) & (places < SPAN_DAYS)
    base = np.bincount(places[within], minlength=SPAN_DAYS)
    bad = np.bincount(places[within & units.bad], minlength=SPAN_DAYS)
    first, last = find_span(bad, base, (fault.expected + 0.5) / fault.base)
    value = units.names[fault.dimension][fault.group]
    return Group(units.metric, fault.dimension, value, date.fromordinal(int(days[first])),
                 date.fromordinal(int(days[last])))


def _find_affected(units: FaultUnits, group: Group) -> Ints:
    """The failures of the group on its days."""
    days = (units.day >= group.first_on.toordinal()) & (units.day <= group.last_on.toordinal())
    return np.flatnonzero(days & units.bad & units.find_group(group.dimension, group.value))


def _propose_found(
    session: Session, place: MarketPlace, units: FaultUnits, group: Group, fault: SharedFault, *, now: datetime,
) -> set[int]:
    """Open a proposal, or bring the open one about the same fault up to date; none where one was dismissed."""
    wanted = _as_row(place, group, now)
    if incidents.find_overlapping(session, wanted, state="dismissed") is not None:
        return set()
    row = incidents.find_overlapping(session, wanted, state="proposed", slack=SLACK)
    is_new = row is None
    if row is None:
        cause = CAUSES.get(group.dimension, "platform_fault")
        row = _add_incident(session, place, group, cause=cause, actor=SYSTEM, now=now)
    row.first_on, row.last_on = min(row.first_on, group.first_on), max(row.last_on, group.last_on)
    affected = _find_affected(units, replace(group, first_on=row.first_on, last_on=row.last_on))
    if is_new or row.numbers is None or fault.evidence >= row.numbers["evidence"]:
        row.numbers = _count(units, fault)
    _write_items(session, row, units, affected)
    row.updated_at = now
    session.flush()
    if is_new:
        _report_found(session, row, now=now)
    return {row.id}


def _refresh_open(session: Session, place: MarketPlace, units: FaultUnits, first: date) -> None:
    """Take out of open proposals what was forgiven or turned out well since."""
    for row in session.scalars(_select_open(place, units.metric, first)):
        group = Group(row.metric, row.dimension, row.value, row.first_on, row.last_on)
        _write_items(session, row, units, _find_affected(units, group))


def _as_row(place: MarketPlace, group: Group, now: datetime) -> IncidentRow:
    return IncidentRow(0, place.id, place.name, place.zone, **asdict(group), cause="", state="", numbers=None,
                       effects=None, found_at=now, updated_at=now, made_by="", decided_at=None, decided_by=None, why="")


def _count(units: FaultUnits, fault: SharedFault) -> dict[str, float | int]:
    numbers = {name: getattr(fault, name) for name in (
        "sellers", "base", "bad", "expected", "rest_base", "rest_bad", "rest_expected", "evidence")}
    return {**numbers, "worse": len(fault.worse)}


def _report_found(session: Session, row: FaultIncident, *, now: datetime) -> None:
    append_audit(session, actor=SYSTEM, now=now, action="incident.proposed", subject=f"incident:{row.id}",
                 after={**_describe(row), "numbers": row.numbers})
    announce(session, key=f"fault_found:{row.id}", seller_id=None, shop_id=None, topic="fault_found",
             data=_describe(row) | {"worse": (row.numbers or {}).get("worse", 0)},
             link=f"/operator/incidents/{row.id}", now=now)


# Storing


def _add_incident(
    session: Session, place: MarketPlace, group: Group, *, cause: str, actor: str, now: datetime,
) -> FaultIncident:
    key = f"{place.id}|{group.metric}|{group.dimension}|{group.value}|{group.first_on}"
    row = FaultIncident(
        marketplace_id=place.id, open_key=key if actor == SYSTEM else None, **asdict(group), cause=cause,
        state="proposed", found_at=now, updated_at=now, made_by=actor)
    session.add(row)
    session.flush()
    return row


def _write_items(session: Session, row: FaultIncident, units: FaultUnits, affected: Ints) -> None:
    """Replace what a proposal is about."""
    session.execute(delete(ExclusionItem).where(
        ExclusionItem.incident_id == row.id, ExclusionItem.state == "proposed"))
    scope = BY_ID[row.cause].scope
    failures = incidents.list_failures(session, units.row[affected].tolist())
    session.add_all(
        ExclusionItem(incident_id=row.id, shop_id=failure.shop_id, thing=write_thing(name),
                      order_ref=failure.order_ref, began_at=from_ms(failure.anchor_ms), due_ms=failure.anchor_ms,
                      scope=scope, state="proposed")
        for failure, name in incidents.list_names(session, units.metric, failures))
    session.flush()


def _lock_proposed(session: Session, incident_id: int, why: str) -> tuple[FaultIncident, str]:
    """The incident, read after its shops are locked, and the reasons. Raises IncidentMissing, RequestRefused."""
    incidents.get_incident(session, incident_id)
    lock_shops(session, {item.shop_id for item in _list_rows(session, incident_id)})
    session.expire_all()
    row = session.get_one(FaultIncident, incident_id)
    if row.state != "proposed":
        raise RequestRefused("decided")
    return row, require_text("why", why)


def _list_rows(session: Session, incident_id: int) -> Sequence[ExclusionItem]:
    return session.scalars(select(ExclusionItem).where(
        ExclusionItem.incident_id == incident_id).order_by(ExclusionItem.id)).all()


def _grant_items(session: Session, row: FaultIncident, scope: str) -> list[ExclusionItem]:
    """What the incident is about and is not forgiven yet, granted from now on."""
    items = _list_rows(session, row.id)
    forgiven: set[tuple[int, str]] = set()
    for shop_id in {item.shop_id for item in items}:
        orders = [item.order_ref for item in items if item.shop_id == shop_id and item.order_ref]
        for part in chunks(orders, 500):
            forgiven |= {(shop_id, write_thing(name))
                         for name in queries.list_forgiven_names(session, shop_id, part)}
    for item in items:
        item.scope, item.state = scope, "dismissed" if (item.shop_id, item.thing) in forgiven else "granted"
    session.flush()
    return [item for item in items if item.state == "granted"]


def _list_cards(session: Session, items: Sequence[ExclusionItem]) -> list[ShopCard]:
    return list_shop_cards(session, shop_ids=sorted({item.shop_id for item in items}))


def _close(
    session: Session, row: FaultIncident, state: str, why: str, *, actor: str, now: datetime,
) -> None:
    row.state, row.decided_at, row.decided_by, row.why, row.open_key = state, now, actor, why, None
    append_audit(session, actor=actor, now=now, action=f"incident.{state}", subject=f"incident:{row.id}",
                 before={"state": "proposed"}, after={**_describe(row), "effects": row.effects}, why=why[:2_000])
    session.flush()


def _describe(row: FaultIncident) -> dict[str, object]:
    return {"incident": row.id, "marketplace": row.marketplace_id, "metric": row.metric, "dimension": row.dimension,
            "value": row.value, "first_on": row.first_on.isoformat(), "last_on": row.last_on.isoformat(),
            "cause": row.cause}


def _tell_seller(
    session: Session, card: ShopCard, row: FaultIncident, cause: str, things: int, *, now: datetime,
) -> None:
    announce(session, key=f"incident_forgiven:{row.id}:{card.id}", seller_id=card.seller_id, shop_id=card.id,
             topic="incident_forgiven", data={**_describe(row), "cause": cause, "shop": card.name, "things": things},
             link="/seller/register", now=now)
