"""What standards that are not plain say of shops now, and of their next official date, as last kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.standing.models import LiveRule, LiveStanding, ShopStanding
from scoring.plain import is_plain
from scoring.standards import Standard


@dataclass(frozen=True)
class LiveLine:
    """One rule (its id, of a shop judged in parts with the part) now, and on the next date: all kept, all missed."""

    rule: str
    bad: int
    base: int
    value: float | None
    verdict: str
    kept_value: float | None
    kept_verdict: str | None
    missed_value: float | None
    missed_verdict: str | None


@dataclass(frozen=True)
class Live:
    """A shop as of a moment [epoch ms]; `kept_level` and `missed_level` of `next_on`, None where nobody can tell.

    `untold` are the rules and figures that nobody can foretell.
    """

    shop_id: int
    standard_id: str
    standard_version: int
    as_of_ms: int
    level: str
    next_on: date | None
    open_count: int
    kept_level: str | None
    missed_level: str | None
    untold: Sequence[str]
    rules: Mapping[str, LiveLine]


@dataclass(frozen=True)
class LiveMove:
    """A shop that would stand elsewhere if it were judged now."""

    shop_id: int
    level: str
    expected: str


def list_live(session: Session, shop_ids: Sequence[int]) -> dict[int, Live]:
    """What is kept of shops, by shop."""
    lines: dict[int, dict[str, LiveLine]] = {}
    found: list[tuple[Any, ...]] = []
    for part in chunks(list(shop_ids)):
        for shop_id, *columns in session.execute(_select(LiveRule, LiveLine).where(LiveRule.shop_id.in_(part))):
            lines.setdefault(shop_id, {})[columns[0]] = LiveLine(*columns)
        rows = session.execute(_select(LiveStanding, Live).where(LiveStanding.shop_id.in_(part)))
        found += [(*row, lines.get(row[0], {})) for row in rows]
    return {row[0]: Live(*row) for row in found}


def _select(model: Any, row: Any) -> Any:
    names = [name for name in row.__dataclass_fields__ if name not in {"shop_id", "rules"}]
    return select(model.shop_id, *(getattr(model, name) for name in names))


def find_live(session: Session, shop_id: int, standard: Standard) -> Live | None:
    """What is kept of a shop under a version of a standard; None for one that is plain, or not looked at yet."""
    found = None if is_plain(standard) else list_live(session, [shop_id]).get(shop_id)
    known = found is not None and (found.standard_id, found.standard_version) == (standard.id, standard.version)
    return found if known else None


def list_live_moves(session: Session, standard: Standard) -> list[LiveMove]:
    """The shops under a version of a standard that would stand elsewhere if they were judged now."""
    rows = session.execute(
        select(LiveStanding.shop_id, ShopStanding.level, LiveStanding.level)
        .join(ShopStanding, ShopStanding.shop_id == LiveStanding.shop_id)
        .where(LiveStanding.standard_id == standard.id, LiveStanding.standard_version == standard.version,
               ShopStanding.standard_id == standard.id, ShopStanding.level != LiveStanding.level)
        .order_by(LiveStanding.shop_id))
    return [LiveMove(*row) for row in rows]
