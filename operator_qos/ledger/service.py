"""Keeping the ledger true to the log: re-derive what a batch touched, in the transaction that took it in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.db import Base, among, bulk_insert, chunks, delete_among, fetch_among
from operator_qos.events.log import list_dossier_events, list_shop_events
from operator_qos.events.models import Event
from operator_qos.ledger import models
from operator_qos.ledger.cells import Changed, Deltas, advance, join_changed, touch
from operator_qos.ledger.changes import ORDERED, find_changes
from operator_qos.ledger.derive import COLUMNS, Row, build_book
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.plain_orders import TABLES as PLAIN_TABLES
from operator_qos.ledger.workers import Rows, derive_committed, derive_split, split_plain
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import BEGINNING, Binding, Period, get_shipped_standard, list_bindings
from scoring.dossier import Frame
from scoring.events import TypedEvent
from scoring.terms import ALWAYS_MS, Terms, find_terms, read_terms

FACT_MODELS: Mapping[str, type[Base]] = {name: getattr(models, name) for name in COLUMNS}
_LED: Mapping[str, tuple[str, ...]] = {name: ("shop_id", "dossier_id", *columns) for name, columns in COLUMNS.items()}
_OUTCOMES = _LED["OutcomeRow"]


def build_frames(
    session: Session, shop_ids: Sequence[int], *, known_ms: int | None = None,
    calendars: Mapping[int, Sequence[TypedEvent]] | None = None,
) -> dict[int, Frame]:
    """What each shop's dossiers are judged in: zone, clocks, and the terms of its standards, one after the other.

    `calendars`: the events about the shops themselves, where they do not stand in the log.
    """
    told = list_shop_events(session, shop_ids) if calendars is None else calendars
    grounds = list_grounds(session, shop_ids)
    if known_ms is not None:
        told = {shop_id: [event for event in events if event.at_ms < known_ms] for shop_id, events in told.items()}
    return _set_frames(session, grounds, told)


def _set_frames(
    session: Session, grounds: Mapping[int, ShopGround], told: Mapping[int, Sequence[TypedEvent]],
) -> dict[int, Frame]:
    """Grounds with the clocks that follow from the events about their shops."""
    query = select(Shop.id, Shop.timezone).where(among(session, Shop.id, grounds))
    frames: dict[int, Frame] = {}
    for shop_id, own_zone in session.connection().execute(query).fetchall():
        ground = grounds[shop_id]
        book = build_book(told.get(shop_id, ()), own_zone or ground.zone)
        frames[shop_id] = Frame(ground.zone, book, ground.terms)
    return frames


@dataclass(frozen=True)
class ShopGround:
    """What a plain order is judged in: a frame without its clocks, which no promise of it runs on."""

    zone: str
    terms: tuple[Terms, ...]

    def terms_at(self, at_ms: int) -> Terms:
        """The terms of what began at a moment [epoch ms]."""
        return self.terms[0] if len(self.terms) == 1 else find_terms(self.terms, at_ms)


def list_grounds(session: Session, shop_ids: Sequence[int]) -> dict[int, ShopGround]:
    """What each shop's plain orders are judged in. Reads no event about the shops."""
    bindings = list_bindings(session, shop_ids)
    terms = _read_terms(bindings)
    grounds = {key: ShopGround(binding.zone, terms[key]) for key, binding in _distinct(bindings).items()}
    return {shop_id: grounds[id(binding)] for shop_id, binding in bindings.items()}


def _distinct(bindings: Mapping[int, Binding]) -> dict[int, Binding]:
    # Shops of one kind share one binding; to compare bindings would go through every rule of their standards.
    return {id(binding): binding for binding in bindings.values()}


def _read_terms(bindings: Mapping[int, Binding]) -> dict[int, tuple[Terms, ...]]:
    """The terms of every binding, by its identity."""
    shipped = get_shipped_standard()
    return {
        key: tuple(
            read_terms(period.standard, from_ms=_start_ms(period, binding.zone), otherwise=shipped)
            for period in binding.periods)
        for key, binding in _distinct(bindings).items()
    }


def _start_ms(period: Period, zone: str) -> int:
    """When its terms begin: with its first day, or when it was published on that day, for a legal ground."""
    if period.from_on == BEGINNING:
        return ALWAYS_MS
    midnight_ms = end_of_day_ms(period.from_on - timedelta(days=1), zone)
    return midnight_ms if period.published_at is None else max(midnight_ms, to_ms(period.published_at))


@dataclass(frozen=True)
class Touched:
    """What a batch touched: dossiers to derive anew, and those that vanished.

    `fresh` are those whose every event came with this batch, under its locks: they need no reading and have no rows.
    """

    dossiers: frozenset[int]
    fresh: Mapping[int, tuple[int, Sequence[TypedEvent]]]
    vanished: frozenset[int]


@dataclass(frozen=True)
class Followed:
    """What was derived anew: what changed in every shop it touched, and the cases (shop, case) of the dossiers."""

    changed: Changed
    cases: frozenset[tuple[int, str]]


def list_clock_dossiers(session: Session, shop_ids: Iterable[int]) -> dict[int, int]:
    """The dossiers of shops whose promises run on the shop's clock, with their shop."""
    found: dict[int, int] = {}
    for model in (models.TurnFact, models.CaseFact):
        query = select(model.dossier_id, model.shop_id).where(model.shop_id.in_(list(shop_ids)))
        found |= {row.dossier_id: row.shop_id for row in session.execute(query)}
    return found


def derive_dossiers(session: Session, touched: Touched) -> Followed:
    """Derive touched dossiers anew from the log, write the rows that differ and correct the day cells.

    Does not commit.
    """
    old = touched.dossiers - touched.fresh.keys()
    events = {**list_dossier_events(session, sorted(old)), **touched.fresh}
    shop_ids = {shop_id for shop_id, _ in events.values()} | _shops_of(session, touched.vanished)
    grounds = list_grounds(session, sorted(shop_ids))
    split = split_plain(events, grounds)
    folded = {shop_id: grounds[shop_id] for shop_id in sorted({shop_id for shop_id, _ in split.rest.values()})}
    rows = derive_split(split, _set_frames(session, folded, list_shop_events(session, list(folded))))
    ledger = Ledger(session, sorted(shop_ids))
    ledger.replace(old | touched.vanished, rows, plain={order.dossier for order in split.plain})
    changed = join_changed(touch(shop_ids), ledger.close())
    return Followed(changed, frozenset((row[0], row[2]) for row in rows["CaseFact"]))


@dataclass(frozen=True)
class Derived:
    """What deriving came to: why some dossiers could not be derived, and what changed."""

    flaws: Mapping[int, str]
    changed: Changed


def derive_stored(session: Session, dossiers: Mapping[int, int]) -> Derived:
    """Derive many dossiers (id -> shop) anew from the committed log, on every core. Does not commit.

    The rows of those that could not be derived are gone.
    """
    shop_ids = sorted(set(dossiers.values()))
    ledger, frames = Ledger(session, shop_ids), build_frames(session, shop_ids)
    ledger.forget(sorted(dossiers))
    flaws: dict[int, str] = {}
    for piece in derive_committed(session, dossiers, frames):
        ledger.write(piece.rows)
        flaws |= piece.flaws
    return Derived(flaws, ledger.close())


class Ledger:
    """The rows of some shops while dossiers are replaced in them, and what that changes in their day cells."""

    def __init__(self, session: Session, shop_ids: Sequence[int]) -> None:
        query = select(Shop.id, Shop.cells_ms, Marketplace.timezone).join(
            Marketplace, Marketplace.id == Shop.marketplace_id).where(among(session, Shop.id, shop_ids))
        self._session, places = session, session.connection().execute(query).fetchall()
        self._instants = {shop: at_ms for shop, at_ms, _ in places}
        self._deltas = Deltas({shop: zone for shop, _, zone in places})

    def forget(self, dossiers: Sequence[int]) -> None:
        """Take the rows of dossiers away, and out of the cells."""
        for part in chunks(dossiers, 50_000):
            if any(self._instants.values()):
                self._count(fetch_among(self._session, OutcomeRow, _OUTCOMES, where="dossier_id", ids=part), -1)
            for model in FACT_MODELS.values():
                delete_among(self._session, model, where="dossier_id", ids=part)

    def write(self, rows: Rows) -> None:
        """Add rows that were derived, and count them in."""
        for name, found in rows.items():
            bulk_insert(self._session, FACT_MODELS[name], _LED[name], found)
        self._count(rows.get("OutcomeRow", ()), 1)

    def replace(self, dossiers: Collection[int], rows: Rows, *, plain: Collection[int]) -> None:
        """Make these the rows of dossiers and of new ones: what stands already stays. `plain` are plain orders."""
        odd = [dossier for dossier in dossiers if dossier not in plain]
        for name, model in FACT_MODELS.items():
            ids = dossiers if name in PLAIN_TABLES else odd
            standing = fetch_among(self._session, model, ("row_id", *_LED[name]), where="dossier_id", ids=ids) \
                if ids else []
            changes = find_changes(standing, rows[name], is_ordered=name in ORDERED)
            if changes.gone:
                delete_among(self._session, model, where="row_id", ids=[row[0] for row in changes.gone])
            bulk_insert(self._session, model, _LED[name], changes.added)
            if model is OutcomeRow:
                self._count([row[1:] for row in changes.gone], -1)
                self._count(changes.added, 1)

    def close(self) -> Changed:
        """Store what changed in the cells. Returns what that is."""
        self._deltas.write(self._session)
        return self._deltas.list_changed()

    def _count(self, rows: Iterable[Row], sign: int) -> None:
        """Count outcomes in or out that count as of the instant of their shop."""
        instants = self._instants
        self._deltas.add_all([
            (row[0], row[2], row[4], *row[7:12], row[3], *row[12:14], row[15]) for row in rows
            if row[5] < instants[row[0]] <= row[6]], sign)


def store_numbers(
    session: Session, as_of_ms: Mapping[int, int], tables: Mapping[str, tuple[Sequence[str], Sequence[Row]]],
) -> None:
    """Replace what pages read of shops whose rows are elsewhere: their tables (columns, rows), and as of when.

    `tables` is by name of the table: cells, scorecards, promises. `as_of_ms` [epoch ms] by shop. Does not commit.
    """
    for model in (models.MetricDay, models.Scorecard, models.Obligation):
        columns, rows = tables[model.__tablename__]
        for part in chunks(list(as_of_ms)):
            session.execute(delete(model).where(model.__table__.c.shop_id.in_(part)))
        bulk_insert(session, model, columns, rows)
    for shop, at_ms in as_of_ms.items():
        session.execute(update(Shop).where(Shop.id == shop).values(cells_ms=at_ms))


def _shops_of(session: Session, dossiers: Iterable[int]) -> set[int]:
    wanted = list(dossiers)
    if not wanted:
        return set()
    return set(session.scalars(select(models.OutcomeRow.shop_id).where(
        models.OutcomeRow.dossier_id.in_(wanted)).distinct()))


def advance_shops(session: Session, shop_ids: Iterable[int], *, now_ms: int) -> Changed:
    """Bring the day cells of shops up to now. Returns what that changed. Does not commit."""
    return advance(session, shop_ids, now_ms=now_ms)


def list_all_dossiers(session: Session, shop_id: int) -> list[int]:
    """Every dossier of a shop."""
    query = select(Event.dossier_id).where(Event.shop_id == shop_id, Event.dossier_id.is_not(None)).distinct()
    return [int(dossier) for dossier in session.scalars(query) if dossier is not None]


def count_events(session: Session) -> int:
    """How many events the log holds."""
    return session.scalar(select(func.count()).select_from(Event)) or 0
