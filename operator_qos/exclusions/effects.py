"""What forgiving things would move: per shop and metric the official number before and after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.exclusions.queries import ItemRow, list_forgiven_names, unit_of
from operator_qos.exclusions.rules import METRIC_KINDS
from operator_qos.ledger.queries import ScorecardRow, Unit, list_scorecards, list_units
from operator_qos.standards.binding import get_shipped_standard, list_bound
from scoring.dossier import Name
from scoring.metrics import METRICS, OWN_METRICS
from scoring.standards import Standard
from scoring.terms import read_terms


@dataclass(frozen=True)
class Effect:
    """One number of one shop before and after; shares of 0 to 1, None without a base."""

    shop_id: int
    metric: str
    bad: int
    base: int
    bad_after: int
    base_after: int

    @property
    def value(self) -> float | None:
        """As it is."""
        return _share(self.metric, self.bad, self.base)

    @property
    def value_after(self) -> float | None:
        """As it would be."""
        return _share(self.metric, self.bad_after, self.base_after)


def list_counted_kinds(standard: Standard, metric: str) -> frozenset[str]:
    """The defects that make an order count in a metric of defects."""
    if metric == "order_defect_rate":
        return frozenset(read_terms(standard, from_ms=0, otherwise=get_shipped_standard()).defect_kinds)
    return frozenset(kind for kind, metrics in OWN_METRICS.items() if metric in metrics)


def list_effects(session: Session, items: Iterable[ItemRow], *, now: datetime) -> list[Effect]:
    """What forgiving these things would move on the current scorecards, by shop; numbers that stay are left out."""
    shops: dict[int, list[ItemRow]] = {}
    for item in items:
        shops.setdefault(item.shop_id, []).append(item)
    cards, bound = list_scorecards(session, list(shops)), list_bound(session, list(shops), now=now)
    return [
        effect for shop_id, mine in shops.items()
        for effect in _list_shop_effects(session, cards[shop_id], mine, standard=bound[shop_id])
    ]


def _list_shop_effects(
    session: Session, cards: Mapping[str, ScorecardRow], items: Collection[ItemRow], *, standard: Standard,
) -> list[Effect]:
    kinds = {item.name[0] for item in items}
    found = []
    for metric, kind in METRIC_KINDS.items():
        card = cards.get(metric)
        if kind not in kinds or card is None:
            continue
        units = _list_named(session, card, items, kind)
        gone = (_take_out_defects(session, units, items, list_counted_kinds(standard, metric), card.shop_id)
                if kind == "defect" else _take_out(units, items, kind))
        if any(gone):
            found.append(Effect(card.shop_id, metric, card.bad, card.base, card.bad - gone[0], card.base - gone[1]))
    return found


def _list_named(session: Session, card: ScorecardRow, items: Iterable[ItemRow], kind: str) -> list[Unit]:
    """The units behind a number that are named: a shop may have a hundred thousand others."""
    names = sorted({unit_of(item.name) for item in items if item.name[0] == kind})
    return [unit for part in chunks(names, 500) for unit in list_units(
        session, card.shop_id, metric=card.metric, window_start_ms=card.window_start_ms, as_of_ms=card.as_of_ms,
        only=part)]


def _take_out(units: Iterable[Unit], items: Iterable[ItemRow], kind: str) -> tuple[int, int]:
    """How many leave the bad and the base."""
    scopes = {unit_of(item.name): item.scope for item in items if item.name[0] == kind}
    named = [unit for unit in units if unit.unit in scopes]
    return (sum(bool(unit.official_bad) for unit in named),
            sum(bool(unit.official_base) and scopes[unit.unit] == "both" for unit in named))


def _take_out_defects(
    session: Session, units: Iterable[Unit], items: Iterable[ItemRow], counted: Collection[str], shop_id: int,
) -> tuple[int, int]:
    """How many orders leave the bad: those on which no counted defect is left. None leaves the base."""
    names: set[Name] = {item.name for item in items if item.name[0] == "defect"}
    touched = [unit for unit in units if unit.official_bad and any(name[2] == unit.unit for name in names)]
    names |= list_forgiven_names(session, shop_id, [unit.unit for unit in touched])
    left = (any(kind in counted and ("defect", kind, unit.unit) not in names for kind in unit.kinds or counted)
            for unit in touched)
    return sum(not still for still in left), 0


def _share(metric: str, bad: int, base: int) -> float | None:
    if not base:
        return None
    return 1 - bad / base if METRICS[metric].higher_is_better else bad / base
