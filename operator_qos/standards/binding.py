"""Which standard binds a shop, from when until when: by scope, traits, dates in force and priority.

Whoever no published standard holds is bound by the one that comes with the product: nobody is left without terms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.db import among, ask_once
from operator_qos.sellers.models import Marketplace, Shop, ShopTraits
from operator_qos.standards.models import StandardVersion
from operator_qos.standards.rules import today_of
from scoring.scopes import find_standard
from scoring.standards import Standard, load_preset, parse_standard

SHIPPED = "ours"
BEGINNING = date.min
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Version:
    """A published standard, and the first date on which it binds nobody any more; None while it is not retired."""

    standard: Standard
    end_on: date | None
    published_at: datetime | None


@dataclass(frozen=True)
class Period:
    """From which local date on a standard binds a shop; what began before it was published keeps its older terms."""

    from_on: date
    standard: Standard
    published_at: datetime | None = None


Traits = tuple[tuple[date, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class _Place:
    marketplace: str
    zone: str
    country: str
    traits: Traits


@dataclass(frozen=True)
class Binding:
    """The standards of one shop, one after the other from the beginning."""

    place: _Place
    periods: tuple[Period, ...]

    @property
    def zone(self) -> str:
        """The zone of its marketplace."""
        return self.place.zone

    def attributes_on(self, day: date) -> Mapping[str, str]:
        """What a standard's scope and conditions may ask of the shop, as of a local date."""
        return _list_attributes(self.place, day)

    def on(self, day: date) -> Standard:
        """The standard that binds it on a local date."""
        return [period.standard for period in self.periods if period.from_on <= day][-1]

    def at(self, now: datetime) -> Standard:
        """The standard that binds it at a moment."""
        return self.on(now.astimezone(ZoneInfo(self.zone)).date())


def get_shipped_standard() -> Standard:
    """The standard that comes with the product."""
    return load_preset(SHIPPED)


def list_bindings(session: Session, shop_ids: Sequence[int]) -> dict[int, Binding]:
    """The standards of shops, by shop."""
    versions = _list_published(session)
    places = _list_places(session, shop_ids)
    found: dict[_Place, Binding] = {}
    for place in set(places.values()):
        found[place] = Binding(place, tuple(_list_periods(versions, place)))
    return {shop_id: found[place] for shop_id, place in places.items()}


def list_bound(session: Session, shop_ids: Sequence[int], *, now: datetime) -> dict[int, Standard]:
    """The standard that binds each of these shops at a moment, by shop."""
    if not _list_published(session):
        return dict.fromkeys(shop_ids, get_shipped_standard())
    return {shop_id: binding.at(now) for shop_id, binding in list_bindings(session, shop_ids).items()}


def get_bound(session: Session, shop_id: int, *, now: datetime) -> Standard:
    """The standard that binds a shop at a moment. Raises KeyError for a shop that is not there."""
    return list_bound(session, [shop_id], now=now)[shop_id]


def list_in_use(session: Session, *, now: datetime) -> list[Standard]:
    """The standards that bind any shop at a moment, the one that binds most first."""
    versions = _list_published(session)
    if not versions:
        return [get_shipped_standard()]
    counts: Counter[Standard] = Counter()
    for place, shops in _count_places(session).items():
        counts[Binding(place, tuple(_list_periods(versions, place))).at(now)] += shops
    return sorted(counts, key=lambda one: (-counts[one], one.id)) or [get_shipped_standard()]


def _count_places(session: Session) -> dict[_Place, int]:
    """How many shops there are of each kind: most say nothing of themselves, and are counted by the database."""
    told = list(session.scalars(select(ShopTraits.shop_id).distinct()))
    columns = (Marketplace.id, Marketplace.timezone, Shop.country, Marketplace.country)
    rows = session.execute(
        select(*columns, func.count()).join(Marketplace, Marketplace.id == Shop.marketplace_id)
        .where(Shop.id.not_in(select(ShopTraits.shop_id))).group_by(*columns))
    found: Counter[_Place] = Counter(_list_places(session, told).values())
    for marketplace, zone, country, home, shops in rows:
        found[_Place(marketplace, zone, country or home, ())] += shops
    return dict(found)


def find_last_change_at(session: Session) -> datetime | None:
    """When a standard was last published or retired; None before any was."""
    found = session.execute(select(func.max(StandardVersion.published_at), func.max(StandardVersion.retired_at))).one()
    return max((at for at in found if at is not None), default=None)


def _list_published(session: Session) -> list[Version]:
    """The versions that bind or once bound, without the shipped one; a page asks for them again and again."""
    return ask_once(session, "published standards", _read_published)


def _read_published(session: Session) -> list[Version]:
    columns = (StandardVersion.text, StandardVersion.retired_at, StandardVersion.published_at)
    rows = session.execute(select(*columns).where(StandardVersion.published_at.is_not(None)))
    return [
        Version(_parse(text), _find_end(_parse(text), retired_at), published_at)
        for text, retired_at, published_at in rows
    ]


@lru_cache(maxsize=64)
def _parse(text: str) -> Standard:
    return parse_standard(text)


def _find_end(standard: Standard, retired_at: datetime | None) -> date | None:
    """What is retired binds through that day: what began on it keeps its terms."""
    return None if retired_at is None else today_of(standard, retired_at) + _DAY


def _list_places(session: Session, shop_ids: Sequence[int]) -> dict[int, _Place]:
    columns = (Shop.id, Marketplace.id, Marketplace.timezone, Shop.country, Marketplace.country)
    traits = _list_traits(session, shop_ids)
    query = select(*columns).join(Marketplace, Marketplace.id == Shop.marketplace_id).where(
        among(session, Shop.id, shop_ids))
    return {
        shop_id: _Place(marketplace, zone, country or home, traits.get(shop_id, ()))
        for shop_id, marketplace, zone, country, home in session.connection().execute(query).fetchall()
    }


def _list_traits(session: Session, shop_ids: Sequence[int]) -> dict[int, Traits]:
    found: dict[int, Traits] = {}
    query = select(ShopTraits.shop_id, ShopTraits.from_on, ShopTraits.traits).where(
        among(session, ShopTraits.shop_id, shop_ids)).order_by(ShopTraits.from_on)
    for shop_id, from_on, traits in session.execute(query):
        found[shop_id] = (*found.get(shop_id, ()), (from_on, tuple(sorted(traits.items()))))
    return found


def _list_periods(versions: Sequence[Version], place: _Place) -> list[Period]:
    """One period per stretch of dates under one standard."""
    shipped = get_shipped_standard()
    dates = {BEGINNING, *(on for on, _ in place.traits)}
    for version in versions:
        dates |= {version.standard.effective_from, version.end_on or BEGINNING}
    published = {version.standard: version.published_at for version in versions}
    periods: list[Period] = []
    for on in sorted(dates):
        known = [version.standard for version in versions if version.end_on is None or on < version.end_on]
        found = find_standard([shipped, *known], _list_attributes(place, on), on) or shipped
        if not periods or periods[-1].standard != found:
            periods.append(Period(on, found, published.get(found)))
    return periods


def _list_attributes(place: _Place, on: date) -> Mapping[str, str]:
    told = [dict(traits) for since, traits in place.traits if since <= on]
    return {"marketplace": place.marketplace, "country": place.country, **(told[-1] if told else {})}
