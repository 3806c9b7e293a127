"""Telling sellers what an official run changed: one notice per shop and date, with rule and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from operator_qos.evaluation.queries import MarketplaceRow, ShopRow
from operator_qos.evaluation.saying import LANGUAGES, list_titles, say_reason
from operator_qos.notices.service import announce
from operator_qos.standing.service import Change
from scoring.acts import Moved
from scoring.metrics import METRICS
from scoring.plain import is_plain
from scoring.standards import Standard, title_in

TOPIC = "standing_changed"
MAX_UNITS = 10


def net_changes(changes: Iterable[Change]) -> list[Change]:
    """What several dates changed for good: first before, last after; what came and went again is left out."""
    net: dict[tuple[int, str], Change] = {}
    for change in changes:
        key = (change.shop_id, name_subject(change))
        first = net.pop(key, change)
        net[key] = replace(change, before=first.before)
    return [change for change in net.values() if change.before != change.after]


def announce_changes(  # what changed, of what, when
    session: Session,
    changes: Iterable[Change],
    *,
    shops: Sequence[ShopRow],
    marketplace: MarketplaceRow,
    on: date,
    standard: Standard,
    now: datetime,
) -> int:
    """One notice for each shop that has changes; returns how many were new. Does not commit."""
    by_shop: dict[int, list[Change]] = {}
    for change in changes:
        by_shop.setdefault(change.shop_id, []).append(change)
    known = {shop.id: shop for shop in shops}
    return sum(
        announce(
            session,
            key=f"standing:{shop_id}:{on}",
            seller_id=known[shop_id].seller_id,
            shop_id=shop_id,
            topic=TOPIC,
            data=_to_data(told, known[shop_id], marketplace, on=on, standard=standard),
            link=shop_link(marketplace, known[shop_id]),
            now=now,
        )
        for shop_id, told in by_shop.items()
    )


def shop_link(marketplace: MarketplaceRow, shop: ShopRow) -> str:
    """Where the seller sees every number of a shop."""
    return f"/seller/shops/{quote(marketplace.id, safe='')}/{quote(shop.code, safe='')}"


def name_subject(change: Change) -> str:
    """What a change is about: the level, one badge, the warning of one metric …"""
    part = next((str(reason["part"]) for reason in change.reasons if reason.get("part")), "")
    return Moved(change.kind, change.metric, change.before, change.after, part).subject


def _to_data(
    changes: Sequence[Change], shop: ShopRow, marketplace: MarketplaceRow, *, on: date, standard: Standard
) -> dict[str, Any]:
    return {
        "shop": shop.name,
        "shop_code": shop.code,
        "marketplace": marketplace.name,
        "on": on.isoformat(),
        "standard": standard.id,
        "standard_version": standard.version,
        "standard_titles": {language: title_in(standard.title, language) for language, _ in standard.title},
        "second_after_days": standard.warnings.after_days[1] if len(standard.warnings.after_days) > 1 else None,
        "end_after_days": standard.warnings.end_after_days,
        "titles": list_titles(standard),
        "changes": [_to_told(change, standard) for change in changes],
    }


def _to_told(change: Change, standard: Standard) -> dict[str, Any]:
    plain = asdict(change)
    return {
        **plain,
        "on_date": change.on_date.isoformat(),
        "reasons": [_shorten(reason, standard) for reason in change.reasons],
    }


def _shorten(reason: Mapping[str, Any], standard: Standard) -> dict[str, Any]:
    """The reason with few units: the rest is on the page. Units of turns are no names people know."""
    if not is_plain(standard):
        return {**reason, "said": {language: say_reason(reason, standard, language) for language in LANGUAGES}}
    metric = METRICS.get(str(reason.get("metric")))
    units = list(reason.get("units", ()))
    named = units if metric is not None and metric.group != "turn" else []
    return {**reason, "units": named[:MAX_UNITS], "unit_count": len(units)}
