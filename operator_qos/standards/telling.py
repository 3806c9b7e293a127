"""Telling every company that a standard binds: what changes, from when, why. Once each, in the feed and by mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.notices.models import Notice
from operator_qos.notices.service import announce
from operator_qos.sellers.models import Shop
from operator_qos.standards.diffs import list_changes
from operator_qos.standards.queries import list_bound_companies, list_versions
from operator_qos.standards.rules import Kept, State, find_state, today_of
from scoring.standards import Standard, title_in
from scoring.standards.versions import LEGAL_GROUNDS

PUBLISHED, RETIRED = "standard_published", "standard_retired"
LANGUAGES = ("en", "fr")
MOST_CHANGES = 40


def tell_published(session: Session, kept: Kept, *, now: datetime) -> int:
    """Tell what was announced; returns how many companies were new to it. Does not commit."""
    return _tell(session, kept, PUBLISHED, _describe_published(session, kept), now)


def _describe_published(session: Session, kept: Kept) -> dict[str, Any]:
    before = find_version_before(session, kept)
    return {
        **_describe(kept), "why": kept.why, "ground": _say_ground(kept.legal_ground),
        "before_version": before.version if before else None, **_say_changes(before, kept.standard),
    }


def tell_newcomers(session: Session, *, now: datetime) -> int:
    """Tell of every version that is announced and not in force yet whom it has come to bind since. Does not commit.

    A company is told once of all its shops, and once more of each that opened after that. Returns how many notices.
    """
    versions = list_versions(session)
    return sum(_tell_newcomers(session, kept, now) for kept in versions
               if not kept.shipped and find_state(kept, versions, now) == State.PUBLISHED)


def _tell_newcomers(session: Session, kept: Kept, now: datetime) -> int:
    told = _list_told(session, kept)
    data, link = _describe_published(session, kept), _link(kept)
    count = 0
    for company in list_bound_companies(session, kept.standard):
        known = told.get(company.seller_id)
        start = name_notice(kept, PUBLISHED, company.seller_id)
        # A company nobody told of it yet hears of all its shops; one that was, of each shop that came since.
        new = {start: company.shops} if known is None else {
            f"{start}:{shop_id}": {shop_id: name} for shop_id, name in company.shops.items() if shop_id not in known}
        count += sum(announce(session, key=key, seller_id=company.seller_id, shop_id=None, topic=PUBLISHED,
                              data={**data, **_name_shops(shops)}, link=link, now=now) for key, shops in new.items())
    return count


def _list_told(session: Session, kept: Kept) -> dict[int, set[int]]:
    """The shops each company was told of, as their numbers; of a notice without them every shop there was by then."""
    start = name_notice(kept, PUBLISHED)
    rows = session.execute(select(Notice.seller_id, Notice.data, Notice.created_at).where(
        Notice.topic == PUBLISHED, Notice.key.startswith(start, autoescape=True)))
    found: dict[int, set[int]] = {}
    for seller_id, data, told_at in rows:
        ids = data.get("shop_ids")
        if ids is None:
            ids = session.scalars(select(Shop.id).where(
                Shop.seller_id == seller_id, Shop.opened_ms <= to_ms(told_at)))
        found.setdefault(seller_id, set()).update(ids)
    return found


def tell_retired(session: Session, kept: Kept, *, why: str, now: datetime) -> int:
    """Tell what was taken back, and what holds instead; returns how many companies were new to it. Does not commit."""
    after = find_version_before(session, kept)
    was_in_force = kept.standard.effective_from <= today_of(kept.standard, now)
    data = {
        **_describe(kept), "why": why, "was_in_force": was_in_force, "after_version": after.version if after else None,
        **_say_changes(kept.standard if was_in_force else None, after),
    }
    return _tell(session, kept, RETIRED, data, now)


def find_version_before(session: Session, kept: Kept) -> Standard | None:
    """The version that held before, or holds again after: the last one published before it and not retired."""
    same = [other for other in list_versions(session, kept.standard.id) if other.key < kept.key]
    return next((other.standard for other in reversed(same) if not other.is_draft and other.retired_at is None), None)


def name_notice(kept: Kept, topic: str, seller_id: int | None = None) -> str:
    """What a notice is about, as the feed keeps it; without a company the beginning of all of them."""
    start = f"{topic}:{kept.standard.id}:{kept.standard.version}:"
    return start if seller_id is None else f"{start}{seller_id}"


def _tell(session: Session, kept: Kept, topic: str, data: dict[str, Any], now: datetime) -> int:
    return sum(
        announce(session, key=name_notice(kept, topic, company.seller_id), seller_id=company.seller_id, shop_id=None,
                 topic=topic, data={**data, **_name_shops(company.shops)}, link=_link(kept), now=now)
        for company in list_bound_companies(session, kept.standard))


def _link(kept: Kept) -> str:
    return f"/standards/{kept.standard.id}/{kept.standard.version}"


def _name_shops(shops: Mapping[int, str]) -> dict[str, Any]:
    return {"shops": list(shops.values()), "shop_ids": list(shops)}


def _describe(kept: Kept) -> dict[str, Any]:
    standard = kept.standard
    return {
        "standard": standard.id, "version": standard.version, "first_day": standard.effective_from.isoformat(),
        "titles": {language: title_in(standard.title, language) for language in LANGUAGES},
    }


def _say_ground(legal_ground: str | None) -> dict[str, str] | None:
    texts = LEGAL_GROUNDS.get(legal_ground or "")
    return dict(zip(LANGUAGES, texts, strict=True)) if texts else None


def _say_changes(before: Standard | None, after: Standard | None) -> dict[str, Any]:
    """What changes, in the words of both languages; nothing to say without two versions."""
    said = {language: list_changes(before, after, language) if before and after else [] for language in LANGUAGES}
    return {"changes": {language: texts[:MOST_CHANGES] for language, texts in said.items()},
            "more": max(0, len(said["en"]) - MOST_CHANGES)}
