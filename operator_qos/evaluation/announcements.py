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
from operator_qos.hooks.queries import list_listening, list_listening_sellers
from operator_qos.hooks.service import queue_hook
from operator_qos.notices.queries import list_pending
from operator_qos.notices.service import announce, withdraw_notice
from operator_qos.standing.service import Change
from scoring.acts import Moved
from scoring.metrics import METRICS
from scoring.plain import is_plain
from scoring.standards import Standard, title_in

TOPIC = "standing_changed"
HOOK_TOPIC = "standing.changed"
MAX_UNITS = 10


def net_changes(changes: Iterable[Change]) -> list[Change]:
    """What several dates changed for good: first before, last after; what came and went again is left out."""
    net: dict[tuple[int, str], Change] = {}
    for change in changes:
        key = (change.shop_id, name_subject(change))
        first = net.pop(key, change)
        net[key] = replace(change, before=first.before)
    return [change for change in net.values() if change.before != change.after]


def announce_changes(  # noqa: PLR0913  # what changed, of what, when
    session: Session,
    changes: Iterable[Change],
    *,
    shops: Sequence[ShopRow],
    marketplace: MarketplaceRow,
    on: date,
    standard: Standard,
    now: datetime,
    tell_at: datetime | None = None,
) -> int:
    """One notice for each shop that has changes; returns how many were new. Does not commit.

    Programs hear of the changes at once, people at `tell_at`: what the next dates change until then is told with it,
    and what came and went is not told at all.
    """
    by_shop: dict[int, list[dict[str, Any]]] = {}
    for change in changes:
        by_shop.setdefault(change.shop_id, []).append(_to_told(change, standard))
    known = {shop.id: shop for shop in shops}
    _tell_programs(session, by_shop, known, marketplace, on=on, standard=standard, now=now)
    count = 0
    for shop_id, told in by_shop.items():
        net = told if tell_at is None else _take_over_pending(session, shop_id, told)
        count += bool(net) and announce(
            session,
            key=f"standing:{shop_id}:{on}",
            seller_id=known[shop_id].seller_id,
            shop_id=shop_id,
            topic=TOPIC,
            data=_to_data(net, known[shop_id], marketplace, on=on, standard=standard),
            link=shop_link(marketplace, known[shop_id]),
            now=now,
            settle_until=tell_at,
        )
    return count


def _tell_programs(  # what changed, of whom, when
    session: Session, by_shop: Mapping[int, Sequence[Mapping[str, Any]]], known: Mapping[int, ShopRow],
    marketplace: MarketplaceRow, *, on: date, standard: Standard, now: datetime,
) -> None:
    """Queue the calls of webhooks: what changed from what to what, no number and no order."""
    if not by_shop or not (list_listening(session, marketplace.id, HOOK_TOPIC) or list_listening_sellers(session)):
        return
    for shop_id, told in by_shop.items():
        data = {
            "marketplace": marketplace.id, "shop": known[shop_id].code, "on": on.isoformat(), "standard": standard.id,
            "standard_version": standard.version,
            "changes": [{name: change[name] for name in ("kind", "metric", "before", "after")} for change in told]}
        queue_hook(session, marketplace_id=marketplace.id, topic=HOOK_TOPIC, key=f"standing:{shop_id}:{on}", data=data,
                   now=now, shop_id=shop_id)


def _take_over_pending(
    session: Session, shop_id: int, told: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What was not told of a shop yet and what changed since, net: first before, last after."""
    pending = list_pending(session, topic=TOPIC, shop_id=shop_id)
    for waiting in pending:
        withdraw_notice(session, key=waiting.key)
    net: dict[str, dict[str, Any]] = {}
    for change in [*(change for waiting in pending for change in waiting.data["changes"]), *told]:
        subject = _name(change["kind"], change["metric"], change["before"], change["after"], change["reasons"])
        first = net.pop(subject, change)
        net[subject] = {**change, "before": first["before"]}
    return [change for change in net.values() if change["before"] != change["after"]]


def shop_link(marketplace: MarketplaceRow, shop: ShopRow) -> str:
    """Where the seller sees every number of a shop."""
    return f"/seller/scorecard?shop={quote(f'{marketplace.id}/{shop.code}')}"


def name_subject(change: Change) -> str:
    """What a change is about: the level, one badge, the warning of one metric …"""
    return _name(change.kind, change.metric, change.before, change.after, change.reasons)


def _name(
    kind: str, metric: str | None, before: str | None, after: str | None, reasons: Iterable[Mapping[str, Any]]
) -> str:
    part = next((str(reason["part"]) for reason in reasons if reason.get("part")), "")
    return Moved(kind, metric, before, after, part).subject


def _to_data(
    changes: Sequence[Mapping[str, Any]], shop: ShopRow, marketplace: MarketplaceRow, *, on: date, standard: Standard
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
        "changes": list(changes),
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
