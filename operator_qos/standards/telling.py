"""Telling every company that a standard binds: what changes, from when, why. Once each, in the feed and by mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.notices.service import announce
from operator_qos.standards.diffs import list_changes
from operator_qos.standards.queries import list_bound_companies, list_versions
from operator_qos.standards.rules import Kept, today_of
from scoring.standards import Standard, title_in
from scoring.standards.versions import LEGAL_GROUNDS

PUBLISHED, RETIRED = "standard_published", "standard_retired"
LANGUAGES = ("en", "fr")
MOST_CHANGES = 40


def tell_published(session: Session, kept: Kept, *, now: datetime) -> int:
    """Tell what was announced; returns how many companies were new to it. Does not commit."""
    before = find_version_before(session, kept)
    data = {
        **_describe(kept), "why": kept.why, "ground": _say_ground(kept.legal_ground),
        "before_version": before.version if before else None, **_say_changes(before, kept.standard),
    }
    return _tell(session, kept, PUBLISHED, data, now)


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
    link = f"/standards/{kept.standard.id}/{kept.standard.version}"
    return sum(
        announce(session, key=name_notice(kept, topic, company.seller_id), seller_id=company.seller_id, shop_id=None,
                 topic=topic, data={**data, "shops": list(company.shops)}, link=link, now=now)
        for company in list_bound_companies(session, kept.standard))


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
