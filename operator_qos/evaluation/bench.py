"""A marketplace before its judges: which standard binds whom on which date, and who judges by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.evaluation import queries
from operator_qos.evaluation.course import Course, CourseShop
from operator_qos.evaluation.general import CourseJudge, complete_rows
from operator_qos.evaluation.judging import Judge, Place
from operator_qos.evaluation.plain import PlainJudge
from operator_qos.recourse.shelters import list_shelters
from operator_qos.standards.binding import Binding, list_bindings
from operator_qos.standing.queries import list_standings
from scoring.plain import is_plain
from scoring.plans import Shelter
from scoring.standards import Standard

READY_DAYS = 30  # a standard that is not plain is judged once there was that much to see


@dataclass(frozen=True)
class Stretch:
    """Dates in a row on which every shop has the same standard as on the first."""

    dates: tuple[date, ...]
    bound: Mapping[int, Standard]


@dataclass(frozen=True)
class Bench:
    """The shops of a marketplace with the standards that bind them, one after the other."""

    marketplace: queries.MarketplaceRow
    shops: Sequence[queries.ShopRow]
    bindings: Mapping[int, Binding]
    shelters: dict[int, Shelter] = field(default_factory=dict)

    @cached_property
    def _distinct(self) -> tuple[Binding, ...]:
        """Every way of being bound, once: most shops are bound alike."""
        return tuple({id(binding): binding for binding in self.bindings.values()}.values())

    def place(self, standard: Standard) -> Place:
        """Where a standard is judged: its days end in its own zone, if it names one."""
        return Place(self.marketplace.id, standard.timezone or self.marketplace.zone)

    def list_standards(self, on: date) -> list[Standard]:
        """The standards that bind anybody on a date."""
        found = {standard.id: standard for binding in self._distinct for standard in (binding.on(on),)}
        return [found[name] for name in sorted(found)]

    def list_official(self, on: date) -> list[Standard]:
        """Those evaluated on that date."""
        return [standard for standard in self.list_standards(on) if standard.is_official(on)]

    def settled_at(self, standard: Standard, on: date) -> datetime:
        """When a date may be judged by a standard."""
        return from_ms(self.place(standard).end_ms(on)) + timedelta(hours=float(standard.settle_hours))

    def is_due(self, on: date, *, first_on: date, now: datetime) -> bool:
        """Whether a date is to be judged, with enough history behind it and everything settled."""
        official = self.list_official(on)
        ready = any(on >= first_on + timedelta(days=count_ready_days(standard)) for standard in official)
        return ready and all(self.settled_at(standard, on) <= now for standard in official)

    def list_stretches(self, dates: Sequence[date]) -> list[Stretch]:
        """The dates cut where any shop comes under another standard."""
        starts = {period.from_on for binding in self._distinct for period in binding.periods}
        parts: list[list[date]] = []
        for on in dates:
            if not parts or any(parts[-1][-1] < start <= on for start in starts):
                parts.append([])
            parts[-1].append(on)
        return [Stretch(tuple(part), self._bound_on(part[0])) for part in parts]

    def _bound_on(self, on: date) -> dict[int, Standard]:
        return {shop.id: self.bindings[shop.id].on(on) for shop in self.shops}

    def list_judges(
        self, session: Session, stretch: Stretch, *, official_only: bool = True
    ) -> Iterator[tuple[Judge, tuple[date, ...]]]:
        """A judge for each standard of a stretch, with the dates it judges officially."""
        for standard in {bound.id: bound for bound in stretch.bound.values()}.values():
            mine = [shop for shop in self.shops if stretch.bound[shop.id].id == standard.id]
            dates = tuple(on for on in stretch.dates if standard.is_official(on) or not official_only)
            if dates:
                yield self._seat(session, standard, mine, dates), dates

    def list_pardoned(self, stretch: Stretch, standard: Standard) -> list[int]:
        """The shops of a stretch under a standard that an appeal shelters."""
        return [shop_id for shop_id, shelter in self.shelters.items()
                if shelter.pardons and shop_id in stretch.bound and stretch.bound[shop_id].id == standard.id]

    def _seat(
        self, session: Session, standard: Standard, shops: Sequence[queries.ShopRow], dates: Sequence[date]
    ) -> Judge:
        place, ids = self.place(standard), [shop.id for shop in shops]
        before = {shop_id: row.as_decided() for shop_id, row in list_standings(session, ids).items()}
        first_ms, last_ms = place.end_ms(dates[0]), place.end_ms(dates[-1])
        if is_plain(standard):
            rows = queries.load_outcomes(session, ids, standard=standard, first_ms=first_ms, last_ms=last_ms)
            return PlainJudge(place, standard, shops, rows, before, self.shelters)
        wide = queries.load_wide_outcomes(session, ids, standard=standard, first_on=dates[0], until_ms=last_ms)
        texts = {shop_id: self.bindings[shop_id].attributes_on(dates[0]) for shop_id in ids}
        return CourseJudge(place, standard, shops, wide, before, texts, self.shelters)

    def open_course(self, session: Session, standard: Standard, on: date, *, shop_id: int) -> Course:
        """A shop ready to be looked at under a standard, with all who have it where one compares with peers."""
        compares = compares_with_peers(standard)
        shops = [shop for shop in self.shops
                 if shop.id == shop_id or (compares and self.bindings[shop.id].on(on).id == standard.id)]
        place = self.place(standard)
        rows = queries.load_wide_outcomes(
            session, [shop.id for shop in shops], standard=standard, first_on=on, until_ms=place.end_ms(on))
        told = [CourseShop(shop.id, shop.opened_ms, self.bindings[shop.id].attributes_on(on)) for shop in shops]
        return Course(standard, told, complete_rows(rows, standard), zone=place.zone)


def count_ready_days(standard: Standard) -> int:
    """How long a marketplace must have sold before its first date is judged [local days]."""
    return queries.longest_window_days(standard) if is_plain(standard) else READY_DAYS


def compares_with_peers(standard: Standard) -> bool:
    """Whether anything in a standard looks at other shops than the one it judges."""
    return any(figure.against_peers is not None for figure in (*standard.figures, *standard.rules))


def open_bench(
    session: Session, marketplace: queries.MarketplaceRow, *, only: Sequence[int] | None = None
) -> Bench:
    """A marketplace with its shops and what binds them; with `only` as if it had no others."""
    shops = queries.list_shops(session, marketplace.id, only=only)
    ids = [shop.id for shop in shops]
    return Bench(marketplace, shops, list_bindings(session, ids), list_shelters(session, marketplace.id))
