"""When an act may take effect, whose law holds, and fingerprints."""

from __future__ import annotations

import calendar
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.statements.rules import (
    GRAVITY,
    LEGAL_GROUNDS,
    StatementError,
    add_months,
    earliest_effect,
    find_gravest,
    find_jurisdiction,
    hash_content,
    write_canonical,
)

NOW = datetime(2026, 6, 1, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize("kind", [kind for kind in GRAVITY if kind != "termination"])
def test_a_restriction_may_take_effect_with_its_statement(kind: str) -> None:
    assert earliest_effect(kind, NOW) == NOW


def test_the_end_of_the_service_waits_thirty_days() -> None:
    assert earliest_effect("termination", NOW) == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize("ground", LEGAL_GROUNDS)
def test_a_legal_ground_ends_the_waiting_only_with_its_evidence(ground: str) -> None:
    assert earliest_effect("termination", NOW, ground, evidence="Order of the court of 12 May 2026") == NOW
    for nothing in ("", "  \n"):
        with pytest.raises(StatementError, match=f"the ground {ground} needs its evidence"):
            earliest_effect("termination", NOW, ground, evidence=nothing)


def test_a_ground_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(StatementError, match="'anger' is no legal ground; give one of legal_obligation"):
        earliest_effect("termination", NOW, "anger", evidence="enough")


@pytest.mark.parametrize(("country", "law"), [
    ("FR", "fr"), ("fr", "fr"), ("GB", "gb"), ("UK", "gb"), ("DE", "eu"), ("NO", "eu"), ("US", "gb"), ("", "gb")])
def test_a_shop_is_told_by_the_law_of_its_country_else_by_the_one_set(country: str, law: str) -> None:
    assert find_jurisdiction(country, "gb") == law


def test_a_statement_is_called_after_its_gravest_act() -> None:
    assert find_gravest(["warning", "badge", "level"]) == "level"
    assert find_gravest(["level", "termination"]) == "termination"
    assert find_gravest(["something_new", "notice"]) == "notice"


@given(st.dates(date(2020, 1, 1), date(2099, 1, 1)), st.integers(0, 30))
def test_months_are_added_as_a_calendar_does(day: date, months: int) -> None:
    """Counted the slow way: month by month, then the day or the last there is."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    assert add_months(day, months) == date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def test_half_a_year_from_the_end_of_august_is_the_end_of_february() -> None:
    assert add_months(date(2026, 8, 31), 6) == date(2027, 2, 28)


PLAIN = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
                     max_leaves=12)


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_a_fingerprint_survives_any_order_of_keys_and_being_written_and_read(content: dict[str, object]) -> None:
    turned = dict(reversed(content.items()))
    assert hash_content(turned) == hash_content(content) == hash_content(json.loads(write_canonical(content)))


@given(st.dictionaries(st.text(), PLAIN, min_size=1, max_size=5), st.text())
def test_another_value_has_another_fingerprint(content: dict[str, object], other: str) -> None:
    name = next(iter(content))
    if content[name] != other:
        assert hash_content({**content, name: other}) != hash_content(content)


def test_the_canonical_form_is_the_known_one() -> None:
    assert write_canonical({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    assert hash_content({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_thirty_days_are_thirty_times_twenty_four_hours_also_when_clocks_change() -> None:
    issued = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
    assert earliest_effect("termination", issued) - issued == timedelta(hours=720)
