"""How values are written, in both languages. `_` stands for a no-break space, `~` for a narrow one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from operator_qos import formats

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)


def spell(text: str) -> str:
    return text.replace("_", "\u00a0").replace("~", "\u202f")


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (0.0170, "1.70%", "1,70_%"),
        (0.01705, "1.71%", "1,71_%"),
        (0.092, "9.20%", "9,20_%"),
        (0.9284, "92.8%", "92,8_%"),
        (0, "0%", "0_%"),
        (1.0, "100%", "100_%"),
        (0.00001, "<0.01%", "<_0,01_%"),
        (0.99999, ">99.9%", ">_99,9_%"),
        (None, "–", "–"),
    ],
)
def test_a_rate_never_reads_as_nothing_or_all_when_it_is_not(
    value: float | None, english: str, french: str
) -> None:
    assert formats.format_rate(value, "en") == spell(english)
    assert formats.format_rate(value, "fr") == spell(french)


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (0.04, "4%", "4_%"),
        (0.025, "2.5%", "2,5_%"),
        (0.9, "90%", "90_%"),
        (0.07, "7%", "7_%"),
        (None, "–", "–"),
    ],
)
def test_a_limit_is_written_without_idle_digits(value: float | None, english: str, french: str) -> None:
    assert formats.format_limit(value, "en") == english
    assert formats.format_limit(value, "fr") == spell(french)


@pytest.mark.parametrize(
    ("minor", "currency", "english", "french"),
    [
        (19690, "EUR", "€196.90", "196,90_€"),
        (123456789, "EUR", "€1,234,567.89", "1~234~567,89_€"),
        (5000, "JPY", "JP¥5,000", "5~000_JPY"),
        (150, "XX1", "1.50_XX1", "1,50_XX1"),
        (None, "EUR", "–", "–"),
    ],
)
def test_money_follows_its_currency(minor: int | None, currency: str, english: str, french: str) -> None:
    assert formats.format_money(minor, currency, "en") == spell(english)
    assert formats.format_money(minor, currency, "fr") == spell(french)


def test_counts_and_numbers_are_grouped_and_rounded_half_up() -> None:
    assert formats.format_count(7310, "en") == "7,310"
    assert formats.format_count(7310, "fr") == spell("7~310")
    assert formats.format_count(None, "fr") == "–"
    assert formats.format_number(4.25, "en") == "4.3"
    assert formats.format_number(4.25, "fr", 2) == "4,25"
    assert formats.format_number(None, "fr") == "–"


def test_a_moment_is_told_on_the_clocks_of_its_zone() -> None:
    assert formats.format_moment(NOW, "Europe/Paris", "en") == spell("18_June, 09:40")
    assert formats.format_moment(NOW, "Europe/Paris", "fr") == spell("18_juin, 9_h_40")
    assert formats.format_moment(NOW, "UTC", "en", year=True, weekday=True) == spell(
        "Thu_18_June_2026, 07:40"
    )
    assert formats.format_moment(int(NOW.timestamp() * 1000), "Europe/Paris", "en") == spell("18_June, 09:40")
    assert formats.format_moment(NOW.replace(hour=23), "Europe/Paris", "fr") == spell("19_juin, 1_h_40")
    assert formats.format_moment(None, "UTC", "fr") == "–"


def test_full_hours_and_first_days_follow_french_habit() -> None:
    assert formats.format_clock(NOW.replace(hour=16, minute=0), "Europe/Paris", "fr") == spell("18_h")
    assert formats.format_clock(NOW.replace(hour=9, minute=5), "Europe/Paris", "fr") == spell("11_h_05")
    assert formats.format_clock(None, "UTC", "en") == "–"
    assert formats.format_day(date(2026, 7, 1), "fr", year=True) == spell("1er_juillet_2026")
    assert formats.format_day(date(2026, 7, 1), "en") == spell("1_July")
    assert formats.format_day(date(2026, 6, 19), "fr", weekday=True) == spell("ven._19_juin")
    assert formats.format_day(None, "en") == "–"


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (0, "0_s", "0_s"),
        (-5, "0_s", "0_s"),
        (59.9, "59_s", "59_s"),
        (60, "1_min", "1_min"),
        (3_599, "59_min", "59_min"),
        (3_600, "1_h", "1_h"),
        (23_700, "6_h_35", "6_h_35"),
        (86_400, "1_d", "1_j"),
        (183_600, "2_d_3_h", "2_j_3_h"),
        (None, "–", "–"),
    ],
)
def test_a_duration_shows_its_two_largest_units(seconds: float | None, english: str, french: str) -> None:
    assert formats.format_duration(seconds, "en") == spell(english)
    assert formats.format_duration(seconds, "fr") == spell(french)


@pytest.mark.parametrize(
    ("left", "english", "french"),
    [
        (timedelta(hours=2, minutes=20), "in 2_h_20", "dans 2_h_20"),
        (timedelta(0), "in 0_s", "dans 0_s"),
        (-timedelta(hours=3), "3_h late", "retard de 3_h"),
        (timedelta(days=1, hours=2), "in 1_day 2_h", "dans 1_jour 2_h"),
        (timedelta(days=1, minutes=20), "in 1_day", "dans 1_jour"),
        (timedelta(days=4, hours=5), "in 4_days", "dans 4_jours"),
        (-timedelta(days=2), "2_days late", "retard de 2_jours"),
    ],
)
def test_a_deadline_tells_how_far_it_is(left: timedelta, english: str, french: str) -> None:
    assert formats.format_due(NOW + left, NOW, "en") == spell(english)
    assert formats.format_due(NOW + left, NOW, "fr") == spell(french)
    assert formats.format_due(None, NOW, "en") == "–"
