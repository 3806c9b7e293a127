"""Versions in words, notice before effect, and which standard binds a shop."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any

import pytest

from scoring.scopes import find_standard, list_in_force
from scoring.standards import (
    Standard,
    StandardError,
    diff_standards,
    load_preset,
    parse_standard,
    require_notice,
    require_successor,
)

OURS = load_preset("ours")


def next_version(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OURS.to_mapping()), "version": 2, "effective_from": "2026-06-01", **fields}


def test_equal_content_has_no_differences() -> None:
    assert diff_standards(OURS, parse_standard(next_version())) == ()


def test_a_changed_limit_is_said_in_both_languages() -> None:
    plain = next_version()
    plain["rules"][1] = {**plain["rules"][1], "kept_when": "<= 3 %", "title": {"en": "Late shipments"}}
    plain["rules"][1].pop("source")
    old = next_version()
    old["rules"][1] = {**old["rules"][1], "title": {"en": "Late shipments"}}
    old["rules"][1].pop("source")
    (change,) = diff_standards(parse_standard(old), parse_standard(plain))
    assert (change.kind, change.path) == ("changed", "rules.late_shipment_rate.kept_when")
    assert (change.before, change.after) == ("<= 4 %", "<= 3 %")
    assert change.say() == "Rule “Late shipments”: the limit changes from <= 4 % to <= 3 %."
    assert change.say("fr") == "Règle « Late shipments » : la limite passe de <= 4 % à <= 3 %."


def test_every_kind_of_change_is_found_and_said() -> None:
    plain = next_version(settle_hours=12, judged_by="point")
    dropped = plain["rules"].pop(3)
    plain["rules"].append({**dropped, "id": "cancelled", "kept_when": "<= 1 %"})
    plain["tiers"][0]["stay_days"] = 30
    plain["badges"].pop(1)
    said = [change.say() for change in diff_standards(OURS, parse_standard(plain))]
    assert said == [
        "How long after a day it is judged changes from 6 to 12.",
        "Judged_by is no longer evidence.",
        "Rule “cancellation_rate” is dropped.",
        "Rule “cancelled” is new.",
        "Level “Top seller”: the least stay in days is now 30.",
        "Badge “Fast replies” is dropped.",
    ]
    french = [change.say("fr") for change in diff_standards(OURS, parse_standard(plain))]
    assert french[4:] == [
        "Niveau « Top seller » : la durée minimale en jours est désormais 30.",
        "Badge « Fast replies » est supprimé.",
    ]


@pytest.mark.parametrize("days", [15, 16, 400])
def test_fifteen_days_of_notice_are_enough(days: int) -> None:
    require_notice(OURS, OURS.effective_from - timedelta(days=days))


@pytest.mark.parametrize("days", [14, 0, -3])
def test_a_shorter_notice_is_refused_with_the_first_possible_date(days: int) -> None:
    published = OURS.effective_from - timedelta(days=days)
    with pytest.raises(StandardError, match=f"the first possible date is {published + timedelta(days=15)}, or name"):
        require_notice(OURS, published)


def test_a_legal_ground_shortens_the_notice_and_must_be_one() -> None:
    require_notice(OURS, OURS.effective_from, legal_ground="legal_duty")
    with pytest.raises(StandardError, match="legal_ground: 'haste' is none of legal_duty, imminent_danger"):
        require_notice(OURS, OURS.effective_from, legal_ground="haste")


def test_a_longer_notice_can_be_asked() -> None:
    with pytest.raises(StandardError, match="is less than 90 days after publication"):
        require_notice(OURS, OURS.effective_from - timedelta(days=89), notice_days=90)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "theirs"}, "id: theirs is no version of ours"),
        ({"version": 1}, "version: 1 does not follow 1"),
        ({"effective_from": "2015-01-01"}, "effective_from: 2015-01-01 is not after 2015-01-01"),
    ],
)
def test_what_cannot_follow_a_version_is_refused(fields: dict[str, Any], message: str) -> None:
    require_successor(parse_standard(next_version()), OURS)
    with pytest.raises(StandardError, match=message):
        require_successor(parse_standard(next_version(**fields)), OURS)


def bound(name: str, since: str = "2026-01-01", version: int = 1, **scope: Any) -> Standard:
    return parse_standard(next_version(id=name, version=version, effective_from=since, scope=scope))


def test_the_version_in_force_is_the_latest_effective_one() -> None:
    versions = [bound("a", "2026-03-01", 2), bound("a", "2026-01-01", 1), bound("b", "2026-04-01")]
    assert list_in_force(versions, date(2025, 12, 31)) == []
    assert [s.version for s in list_in_force(versions, date(2026, 2, 28))] == [1]
    assert [(s.id, s.version) for s in list_in_force(versions, date(2026, 4, 1))] == [("a", 2), ("b", 1)]


def test_the_highest_priority_that_fits_binds() -> None:
    everybody, french = bound("all"), bound("french", country=["FR"], priority=5)
    books = bound("books", country=["FR", "BE"], category=["books"], priority=7)
    standards, on = [everybody, french, books], date(2026, 2, 1)

    def find(**attributes: str) -> str:
        found = find_standard(standards, attributes, on)
        return found.id if found else ""

    assert [find(), find(country="DE"), find(country="FR"), find(country="FR", category="books")] == [
        "all", "all", "french", "books"]
    assert find(category="books") == "all"
    assert find_standard([french], {"country": "DE"}, on) is None


def test_two_of_one_priority_are_a_mistake() -> None:
    with pytest.raises(StandardError, match=r"scope\.priority: a and b both bind this shop with priority 0"):
        find_standard([bound("a"), bound("b")], {}, date(2026, 2, 1))
