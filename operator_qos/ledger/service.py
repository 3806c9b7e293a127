"""Keeping the ledger true to the log: re-derive what a batch touched, in the transaction that took it in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.db import Base, among, bulk_insert, chunks
from operator_qos.events.log import list_dossier_events, list_shop_events
from operator_qos.events.models import Event
from operator_qos.ledger import models
from operator_qos.ledger.cells import Changed, Contribution, Deltas, Unit, advance, list_standing, list_zones
from operator_qos.ledger.derive import COLUMNS, Row, build_book
from operator_qos.ledger.workers import Rows, derive_committed, derive_each
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import BEGINNING, Period, get_shipped_standard, list_bindings
from scoring.dossier import Frame
from scoring.events import TypedEvent
from scoring.terms import ALWAYS_MS, Terms, read_terms

FACT_MODELS: Mapping[str, type[Base]] = {name: getattr(models, name) for name in COLUMNS}


def build_frames(
    session: Session, shop_ids: Sequence[int], *, known_ms: int | None = None,
    calendars: Mapping[int, Sequence[TypedEvent]] | None = None,
) -> dict[int, Frame]:
    """What each shop's dossiers are judged in: zone, clocks, and the terms of its standards, one after the other.

    `calendars`: the events about the shops themselves, where they do not stand in the log.
    """
    query = select(Shop.id, Shop.timezone, Marketplace.timezone).join(
        Marketplace, Marketplace.id == Shop.marketplace_id)
    told = list_shop_events(session, shop_ids) if calendars is None else calendars
    terms = _list_terms(session, shop_ids)
    frames: dict[int, Frame] = {}
    for part in chunks(list(shop_ids)):
        for shop_id, own_zone, zone in session.execute(query.where(Shop.id.in_(part))):
            events = [e for e in told.get(shop_id, ()) if known_ms is None or e.at_ms < known_ms]
            frames[shop_id] = Frame(zone, build_book(events, own_zone or zone), terms[shop_id])
    return frames


def _list_terms(session: Session, shop_ids: Sequence[int]) -> dict[int, tuple[Terms, ...]]:
    shipped = get_shipped_standard()
    bindings = list_bindings(session, shop_ids)
    # Shops of one kind share one binding; to compare bindings would go through every rule of their standards.
    found = {
        id(binding): tuple(
            read_terms(period.standard, from_ms=_start_ms(period, binding.zone), otherwise=shipped)
            for period in binding.periods)
        for binding in {id(binding): binding for binding in bindings.values()}.values()
    }
    return {shop_id: found[id(binding)] for shop_id, binding in bindings.items()}


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


def list_clock_dossiers(session: Session, shop_ids: Iterable[int]) -> dict[int, int]:
    """The dossiers of shops whose promises run on the shop's clock, with their shop."""
    found: dict[int, int] = {}
    for model in (models.TurnFact, models.CaseFact):
        query = select(model.dossier_id, model.shop_id).where(model.shop_id.in_(list(shop_ids)))
        found |= {row.dossier_id: row.shop_id for row in session.execute(query)}
    return found


def _delete_rows(session: Session, dossiers: Sequence[int]) -> None:
    for part in chunks(dossiers, 50_000):
        for model in FACT_MODELS.values():
            gone = delete(model).where(among(session, model.dossier_id, part))  # type: ignore[attr-defined]
            session.connection().execute(gone)


def _split(shop_id: int, row: Sequence[Any]) -> tuple[Contribution, Unit]:
    group, unit, anchor, _, _, base, bad, official_base, official_bad, amount, order, buyer, _, settled = row
    return (Contribution(shop_id, group, anchor, base, bad, official_base, official_bad, amount),
            Unit(unit, order, buyer, settled))


def derive_dossiers(session: Session, touched: Touched) -> Changed:
    """Derive touched dossiers anew from the log and correct the day cells. Does not commit.

    Returns every shop with a touched dossier, and which of its metrics that changed.
    """
    old = sorted((touched.dossiers - touched.fresh.keys()) | touched.vanished)
    events = {**list_dossier_events(session, sorted(touched.dossiers - touched.fresh.keys())), **touched.fresh}
    shop_ids = {shop_id for shop_id, _ in events.values()} | _shops_of(session, touched.vanished)
    ledger = Ledger(session, sorted(shop_ids))
    ledger.forget(old)
    ledger.write(derive_each(events, ledger.frames))
    return {shop: set[int]() for shop in shop_ids} | ledger.close()


@dataclass(frozen=True)
class Derived:
    """What deriving came to: why some dossiers could not be derived, and by shop the metrics that changed."""

    flaws: Mapping[int, str]
    changed: Changed


def derive_stored(session: Session, dossiers: Mapping[int, int]) -> Derived:
    """Derive many dossiers (id -> shop) anew from the committed log, on every core. Does not commit.

    The rows of those that could not be derived are gone.
    """
    ledger = Ledger(session, sorted(set(dossiers.values())))
    ledger.forget(sorted(dossiers))
    flaws: dict[int, str] = {}
    for piece in derive_committed(session, dossiers, ledger.frames):
        ledger.write(piece.rows)
        flaws |= piece.flaws
    return Derived(flaws, ledger.close())


class Ledger:
    """The rows of some shops while dossiers are replaced in them, and what that changes in their day cells."""

    def __init__(self, session: Session, shop_ids: Sequence[int]) -> None:
        self._session = session
        self._instants = {shop: at for part in chunks(shop_ids) for shop, at in session.execute(
            select(Shop.id, Shop.cells_ms).where(Shop.id.in_(part)))}
        self._deltas = Deltas(list_zones(session, shop_ids))
        self.frames = build_frames(session, shop_ids)

    def forget(self, dossiers: Sequence[int]) -> None:
        """Take the rows of dossiers away, and out of the cells."""
        if any(self._instants.values()):
            for standing, unit in list_standing(self._session, dossiers, self._instants):
                self._deltas.add(standing, unit, -1)
        _delete_rows(self._session, dossiers)

    def write(self, rows: Rows) -> None:
        """Add rows that were derived, and count them in."""
        for name, found in rows.items():
            bulk_insert(self._session, FACT_MODELS[name], ("shop_id", "dossier_id", *COLUMNS[name]), found)
        for shop_id, _, *row in rows.get("OutcomeRow", ()):
            if row[3] < self._instants[shop_id] <= row[4]:
                self._deltas.add(*_split(shop_id, row), 1)

    def close(self) -> Changed:
        """Store what changed in the cells. Returns which metrics of which shops that is."""
        self._deltas.write(self._session)
        return self._deltas.list_changed()


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
    """Bring the day cells of shops up to now. Returns which of their metrics that changed. Does not commit."""
    ids = sorted(shop_ids)
    instants = {shop: at for part in chunks(ids) for shop, at in session.execute(
        select(Shop.id, Shop.cells_ms).where(Shop.id.in_(part)))}
    return advance(session, instants, now_ms=now_ms)


def list_all_dossiers(session: Session, shop_id: int) -> list[int]:
    """Every dossier of a shop."""
    query = select(Event.dossier_id).where(Event.shop_id == shop_id, Event.dossier_id.is_not(None)).distinct()
    return [int(dossier) for dossier in session.scalars(query) if dossier is not None]


def count_events(session: Session) -> int:
    """How many events the log holds."""
    return session.scalar(select(func.count()).select_from(Event)) or 0
