"""A seller's day: everything owed over all shops, by due time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.formats import to_local
from operator_qos.i18n import gettext, ngettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.sellers.queries import ShopCard
from operator_qos.standing import day_queries as queries
from operator_qos.standing.day_bundles import Bundle, bundle_lines
from operator_qos.standing.day_lines import (
    DayLine,
    MediatedLine,
    Shops,
    build_line,
    list_mediated_lines,
    read_facts,
)
from operator_qos.standing.day_queries import BUCKETS, CARRIED, MINE, TODO, UNDER_WAY, WAITING, Bounds, Choice

KIND_TABS = {"accept": _("Accept"), "ship": _("Ship"), "answer": _("Answer"), "resolve": _("Solve")}
GROUP_TITLES = {"late": _("Late"), "today": _("Today"), "week": _("Within a week"), "later": _("Later")}
SHOWN_WAITING = 50


@dataclass(frozen=True)
class Group:
    """The lines of one stretch of time on this page, and how many there are of it in all."""

    key: str
    title: str
    on: date | None
    count: int
    lines: tuple[DayLine, ...]

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The lines as rows: what is one errand stands together."""
        return bundle_lines(self.lines)


@dataclass(frozen=True)
class Tab:
    """One choice of a filter."""

    value: str
    name: str
    count: int | None


@dataclass(frozen=True)
class View:
    """What is looked at: a shop or all, a kind, or a state with `kind` None."""

    cards: tuple[ShopCard, ...]
    chosen: ShopCard | None
    state: str
    kind: str | None

    @property
    def shop_ids(self) -> tuple[int, ...]:
        """The shops whose rows are listed."""
        return (self.chosen.id,) if self.chosen else tuple(card.id for card in self.cards)

    @property
    def value(self) -> str:
        """The filter's value in the address."""
        return self.kind or ("" if self.state == MINE else self.state)


@dataclass(frozen=True)
class DayCounts:
    """Open promises of the shops looked at, by state, kind and due time."""

    rows: tuple[queries.OwedCount, ...]

    def narrow(self, shop_ids: Sequence[int]) -> DayCounts:
        """The same of some shops."""
        return DayCounts(tuple(row for row in self.rows if row.shop_id in shop_ids))

    def of(self, state: str, *, kind: str | None = None, buckets: Sequence[str] = BUCKETS) -> int:
        """How many of a state, of one kind or all, due within these stretches of time."""
        return sum(
            row.count for row in self.rows if row.state == state and kind in (None, row.kind) and row.bucket in buckets
        )


@dataclass(frozen=True)
class DayPage:
    """Everything on the page. `next_line` is the next promise of anybody's, where nothing is listed."""

    view: View
    now: datetime
    zone: str
    counts: DayCounts
    lead: tuple[str, str]
    tabs: tuple[Tab, ...]
    groups: tuple[Group, ...]
    waiting: tuple[DayLine, ...]
    mediated: tuple[MediatedLine, ...]
    next_line: DayLine | None


def read_view(cards: Sequence[ShopCard], *, chosen: ShopCard | None, asked: str) -> View:
    """The view asked for; an unknown kind shows everything to do."""
    if asked in TODO:
        return View(tuple(cards), chosen, MINE, asked)
    if asked in CARRIED:
        return View(tuple(cards), chosen, UNDER_WAY, asked)
    return View(tuple(cards), chosen, asked if asked in (WAITING, UNDER_WAY) else MINE, None)


def list_bounds(zones: Mapping[int, str], now: datetime) -> dict[int, Bounds]:
    """Where the local days of each shop end."""
    return {shop: _bounds(zone, now) for shop, zone in zones.items()}


def _bounds(zone: str, now: datetime) -> Bounds:
    today = to_local(now, zone).date()
    ends = (end_of_day_ms(today + timedelta(days=ahead), zone) for ahead in (0, 1, 6))
    return Bounds(*ends)


def find_bucket(due_ms: int, bounds: Bounds, *, now_ms: int) -> str:
    """In which stretch of time a moment falls, seen from a shop."""
    if due_ms < now_ms:
        return "late"
    ends = (("today", bounds.today_ms), ("tomorrow", bounds.tomorrow_ms), ("week", bounds.week_ms))
    return next((name for name, end in ends if due_ms < end), "later")


def _group(
    lines: Sequence[DayLine], view: View, counts: DayCounts, *, bounds: Mapping[int, Bounds], now: datetime
) -> tuple[Group, ...]:
    by_bucket: dict[str, list[DayLine]] = {bucket: [] for bucket in BUCKETS}
    for line in lines:
        by_bucket[find_bucket(line.owed.due_ms, bounds[line.card.id], now_ms=to_ms(now))].append(line)
    zone = lines[0].zone if lines else "UTC"
    tomorrow = to_local(now, zone).date() + timedelta(days=1)
    return tuple(
        Group(
            key=bucket,
            title=str(gettext("Tomorrow") if bucket == "tomorrow" else GROUP_TITLES[bucket]),
            on=tomorrow if bucket == "tomorrow" else None,
            count=counts.of(view.state, kind=view.kind, buckets=(bucket,)),
            lines=tuple(found),
        )
        for bucket, found in by_bucket.items()
        if found
    )


def _lead(counts: DayCounts, others: int) -> tuple[str, str]:
    """The page in two sentences: how much there is to do and when, and what is with somebody else."""
    total = counts.of(MINE)
    head = ngettext("%(n)s thing to do", "%(n)s things to do", total, n=words.count(total))
    parts = [
        gettext(said, n=words.count(number))
        for said, number in (
            ("%(n)s late", counts.of(MINE, buckets=("late",))),
            ("%(n)s today", counts.of(MINE, buckets=("today",))),
            ("%(n)s within a week", counts.of(MINE, buckets=("tomorrow", "week"))),
            ("%(n)s later", counts.of(MINE, buckets=("later",))),
        )
        if number
    ]
    rest = f"{gettext(': ')}{', '.join(parts)}." if parts else "."
    if others:
        rest += " " + ngettext(
            "For %(n)s more it is somebody else’s turn, and your clock stands still.",
            "For %(n)s more it is somebody else’s turn, and your clock stands still.",
            others,
            n=words.count(others),
        )
    return str(head), str(rest)


def _tabs(counts: DayCounts, others: int, view: View) -> tuple[Tab, ...]:
    tabs = [Tab("", str(gettext("Everything to do")), counts.of(MINE))]
    tabs += [
        Tab(kind, str(name), counts.of(MINE, kind=kind))
        for kind, name in KIND_TABS.items()
        if counts.of(MINE, kind=kind) or view.kind == kind
    ]
    tabs.append(Tab(WAITING, str(gettext("With somebody else")), others))
    return (*tabs, Tab(UNDER_WAY, str(gettext("Under way")), counts.of(UNDER_WAY)))


def read_counts(session: Session, cards: Sequence[ShopCard], *, now: datetime) -> DayCounts:
    """What these shops owe, counted."""
    bounds = list_bounds(queries.list_zones(session, [card.id for card in cards]), now)
    return DayCounts(tuple(queries.count_owed(session, bounds, now_ms=to_ms(now)) if bounds else ()))


@dataclass(frozen=True)
class _Lists:
    """The lines of the page, read together."""

    listed: tuple[DayLine, ...]
    waiting: tuple[DayLine, ...]
    next_line: DayLine | None


def _read_lists(  # which lines, and which part of them
    session: Session, view: View, shops: Shops, *, waits: bool, now_ms: int, offset: int, limit: int
) -> _Lists:
    owed = queries.list_owed(
        session, Choice(view.shop_ids, view.state, view.kind), now_ms=now_ms, limit=limit, offset=offset
    )
    beside = waits and view.state == MINE and view.kind is None
    waiting = (
        queries.list_owed(session, Choice(view.shop_ids, WAITING), now_ms=now_ms, limit=SHOWN_WAITING) if beside else []
    )
    coming = None if owed else queries.find_next(session, view.shop_ids, now_ms=now_ms)
    facts = read_facts(session, [*owed, *waiting, *([coming] if coming else [])], shops, now_ms=now_ms)
    return _Lists(
        tuple(build_line(row, facts) for row in owed),
        tuple(build_line(row, facts) for row in waiting),
        build_line(coming, facts) if coming else None,
    )


def build_day(session: Session, view: View, *, counts: DayCounts, now: datetime, offset: int, limit: int) -> DayPage:
    """One page of the day as of now."""
    zones = queries.list_zones(session, [card.id for card in view.cards])
    shops = Shops({card.id: card for card in view.cards}, zones)
    lists = _read_lists(session, view, shops, waits=counts.of(WAITING) > 0, now_ms=to_ms(now), offset=offset,
                        limit=limit)
    with_others = view.kind is None and view.state in (MINE, WAITING)
    mediated = list_mediated_lines(session, view.shop_ids, shops)
    others = counts.of(WAITING) + len(mediated)
    first = view.chosen or (view.cards[0] if view.cards else None)
    return DayPage(
        view=view,
        now=now,
        zone=zones[first.id] if first else "UTC",
        counts=counts,
        lead=_lead(counts, others),
        tabs=_tabs(counts, others, view),
        groups=_group(lists.listed, view, counts, bounds=list_bounds(zones, now), now=now),
        waiting=lists.waiting,
        mediated=mediated if with_others else (),
        next_line=lists.next_line,
    )
