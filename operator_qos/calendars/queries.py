"""What a shop's hours are and were, from its events; and the promises whose clock runs by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.events.log import list_shop_events
from operator_qos.ledger.models import Obligation
from operator_qos.ledger.service import build_frames
from operator_qos.sellers.models import Marketplace, Shop
from scoring.calendars import CalendarVersion
from scoring.dossier import standing_events
from scoring.events import TypedEvent, order_key
from scoring.opening_hours import WallFrames
from scoring.windows import local_day

ON_HOURS = ("answer", "resolve")


@dataclass(frozen=True)
class HoursSet:
    """Hours as they were set once; `by` is seller, operator, or empty where a feed said nothing of it."""

    effective_from: date
    set_at_ms: int
    by: str
    weekly: Mapping[str, WallFrames]
    holidays: frozenset[date]
    overrides: Mapping[date, WallFrames]


@dataclass(frozen=True)
class ClosureSet:
    """A time out of office that stands, with the name of the event that announced it."""

    source: str
    event_id: str
    from_ms: int
    until_ms: int
    set_at_ms: int
    by: str


@dataclass(frozen=True)
class ShopHours:
    """The hours of a shop by its own zone: what holds today, what comes, what was; and its closures not yet over."""

    zone: str
    country: str
    today: date
    in_force: HoursSet | None
    coming: tuple[HoursSet, ...]
    earlier: tuple[HoursSet, ...]
    closures: tuple[ClosureSet, ...]

    @property
    def latest(self) -> HoursSet | None:
        """What a new version starts from."""
        return self.coming[-1] if self.coming else self.in_force


def read_hours_of(session: Session, shop_id: int, *, now: datetime) -> ShopHours:
    """The hours of a shop as the log tells them."""
    zone = build_frames(session, [shop_id])[shop_id].book.zone
    events = list_shop_events(session, [shop_id])[shop_id]
    standing = sorted(standing_events(events), key=order_key)
    today = local_day(to_ms(now), zone)
    versions = _list_versions(standing, zone)
    held = [version for version in versions if version.effective_from <= today]
    closures = tuple(_to_closure(event) for event in standing
                     if event.type == "shop.closed_for" and event.data["until"] > to_ms(now))
    return ShopHours(
        zone, _find_country(session, shop_id), today, held[-1] if held else None,
        tuple(version for version in versions if version.effective_from > today), tuple(held[:-1]), closures)


def _list_versions(standing: Sequence[TypedEvent], zone: str) -> list[HoursSet]:
    """What was set, by first day; of one day the later replaces the earlier."""
    from operator_qos.ledger.derive import build_book

    said = [event for event in standing if event.type == "shop.calendar_set"]
    found = {version.effective_from: _to_set(event, version)
             for event, version in zip(said, build_book(said, zone).versions, strict=True)}
    return [found[day] for day in sorted(found)]


def _to_set(event: TypedEvent, version: CalendarVersion) -> HoursSet:
    return HoursSet(version.effective_from, event.at_ms, event.data.get("by", ""), version.hours, version.holidays,
                    version.overrides)


def _to_closure(event: TypedEvent) -> ClosureSet:
    data = event.data
    return ClosureSet(event.source, event.id, data["from_"], data["until"], event.at_ms, data.get("by", ""))


def _find_country(session: Session, shop_id: int) -> str:
    row = session.execute(select(Shop.country, Marketplace.country).join(
        Marketplace, Marketplace.id == Shop.marketplace_id).where(Shop.id == shop_id)).one()
    return row[0] or row[1]


def list_running_dossiers(session: Session, shop_id: int) -> list[int]:
    """The dossiers with a promise still open whose clock runs by the shop's hours."""
    return list(session.scalars(select(Obligation.dossier_id).where(
        Obligation.shop_id == shop_id, Obligation.kind.in_(ON_HOURS), Obligation.settled_ms.is_(None),
        Obligation.void_ms.is_(None)).distinct().order_by(Obligation.dossier_id)))
