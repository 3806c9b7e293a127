"""The clock of a promise on the page: rows worked out by hand, drawn and said in both languages."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, render_template_string
from flask_babel import force_locale
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_qos.standards.clock_drawing import Bar, ClockDrawing, Mark, draw_clock
from scoring import WorkingCalendar
from scoring.clock_trace import ClockKind, ClockSegment, ClockTrace, join_segments
from scoring.promise_traces import span_of, trace_spans

MADRID = ZoneInfo("Europe/Madrid")
HOUR = 3600
PAGE = '{% import "standards/clock_trace.html" as clocks with context %}{{ clocks.trace(drawing, "D-1987") }}'


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-05-{text}").replace(tzinfo=MADRID)


def draw(limit_seconds: float | None = 24 * HOUR) -> ClockDrawing:
    """A case opened on Wednesday 13 May, holiday on the 15th, photo asked on the 18th, come on the 19th."""
    hours = (("09:30", "14:00"), ("16:00", "19:00"))
    shop = WorkingCalendar(
        timezone="Europe/Madrid", weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours),
        holidays=[date(2026, 5, 15)])
    spans = (span_of("seller", at("13 16:20"), at("18 12:50")), span_of("buyer", at("18 12:50"), at("19 17:15")),
             span_of("seller", at("19 17:15"), at("22 11:40")))
    trace = trace_spans(shop.engine, spans, until_ms=spans[-1].until_ms or 0, limit_seconds=limit_seconds)
    return draw_clock(trace, "Europe/Madrid", open_hours=shop.periods(at("13 00:00"), 20))


def test_a_case_day_by_day() -> None:
    rows = {row.on.day: row for row in draw().rows}
    assert [(day, row.counted_seconds / 60) for day, row in rows.items()] == [
        (13, 160), (14, 450), (15, 0), (16, 0), (17, 0), (18, 200), (19, 105), (20, 450), (21, 450), (22, 130)]
    assert [rows[day].total_seconds / 60 for day in (14, 20, 21, 22)] == [610, 1365, 1815, 1945]
    assert [day for day, row in rows.items() if row.is_over] == [21, 22]
    assert [rows[day].alike for day in (14, 15, 16, 17)] == [None, "holiday", "off_hours", "off_hours"]
    assert rows[13].open_hours == (Bar(39.58, 18.75, "open"), Bar(66.67, 12.5, "open"))
    assert rows[13].bars == (Bar(68.06, 11.11, "counting"), Bar(79.17, 20.83, "off_hours"))
    assert [(mark.what, mark.anchor) for day in (13, 18, 19, 21, 22) for mark in rows[day].marks] == [
        ("opened", "end"), ("passed", "start"), ("came_back", "end"), ("used_up", "end"), ("ended", "start")]
    assert rows[21].marks == (Mark(44.79, at("21 10:45"), "used_up", "end"),)
    assert [bar.kind for bar in rows[21].bars if bar.kind != "off_hours"] == ["counting", "over", "over"]


def test_what_the_drawing_adds_up_to() -> None:
    drawn = draw()
    assert (drawn.counted_seconds, drawn.over_seconds) == (116_700, 8 * HOUR + 25 * 60)
    assert drawn.passed_seconds == 211 * HOUR + 20 * 60
    assert {total.kind: total.seconds for total in drawn.totals} == {
        "counting": 116_700, "off_hours": 126.5 * HOUR, "holiday": 24 * HOUR, "waiting_for_buyer": 28 * HOUR + 25 * 60}
    assert draw(None).over_seconds == 0
    assert not any(row.is_over for row in draw(None).rows)


def test_long_waits_become_one_row_and_the_day_of_the_change_has_its_length() -> None:
    start = datetime(2026, 3, 20, 12, tzinfo=UTC)
    waiting = ClockSegment(start + timedelta(hours=2), start + timedelta(days=9), ClockKind.WAITING_FOR_OPERATOR)
    trace = ClockTrace((ClockSegment(start, waiting.start, ClockKind.COUNTING), waiting), limit_seconds=2 * HOUR)
    rows = draw_clock(trace, "Europe/Madrid", is_ended=False).rows
    assert [(row.on.day, row.last_on.day, row.alike) for row in rows] == [
        (20, 20, None), (21, 28, "waiting_for_operator"), (29, 29, None)]
    assert rows[-1].bars[0].width == pytest.approx(100 * 13 / 23, abs=0.01)
    assert [mark.what for mark in rows[0].marks] == ["opened", "used_up"]
    assert rows[-1].marks == ()
    assert draw_clock(ClockTrace(()), "UTC").rows == ()


def test_a_year_is_told_by_its_beginning_and_its_end() -> None:
    start = datetime(2025, 3, 20, 12, tzinfo=UTC)
    trace = ClockTrace((ClockSegment(start, start + timedelta(days=365), ClockKind.COUNTING),), 24 * HOUR * 100)
    rows = draw_clock(trace, "UTC", is_ended=False).rows
    assert len(rows) == 21 + 1 + 7
    folded = rows[21]
    assert (folded.alike, folded.on, folded.last_on) == ("folded", date(2025, 4, 10), date(2026, 3, 13))
    assert folded.counted_seconds == 338 * 24 * HOUR
    assert folded.total_seconds == (12 + 20 * 24 + 338 * 24) * HOUR
    assert (folded.is_over, [mark.what for mark in folded.marks]) == (True, ["used_up"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(list(ClockKind)), st.integers(1, 4 * 86_400)), max_size=12),
    st.integers(0, 10**6),
)
def test_rows_fill_every_day_and_count_everything(steps: list[tuple[ClockKind, int]], limit: int) -> None:
    segments, since = [], datetime(2026, 3, 24, 5, tzinfo=UTC)
    for kind, seconds in steps:
        segments.append(ClockSegment(since, since + timedelta(seconds=seconds), kind))
        since = segments[-1].end
    trace = ClockTrace(join_segments(segments), limit)
    drawn = draw_clock(trace, "Europe/Madrid")
    assert sum(row.counted_seconds for row in drawn.rows) == pytest.approx(trace.counted_seconds)
    assert all(0 <= bar.x <= bar.x + bar.width <= 100.01 for row in drawn.rows for bar in row.bars)
    for row in (row for row in drawn.rows[1:-1] if row.alike != "folded"):
        assert sum(bar.width for bar in row.bars) == pytest.approx(100, abs=0.1)
    days = sum((row.last_on - row.on).days + 1 for row in drawn.rows)
    assert days == ((drawn.rows[-1].last_on - drawn.rows[0].on).days + 1 if drawn.rows else 0)


def test_the_page_says_and_draws_it_in_both_languages(app: Flask) -> None:
    said = {"en": "of 24 h 00 allowed, so 8 h 25 too late", "fr": "sur 24 h 00 accordées, donc 8 h 25 de trop"}
    with app.test_request_context():
        for language, told in said.items():
            with force_locale(language):
                html = render_template_string(PAGE, drawing=draw()).replace("&nbsp;", " ").replace("\xa0", " ")
            assert told in html
            assert html.count('scope="row"') == 10 + 1
            assert "&lt;" not in html
            assert len(re.findall('class="over"', html)) == 3 + 1
    assert "211 h 20" in html


def test_the_page_of_a_clock_that_has_not_begun(app: Flask) -> None:
    with app.test_request_context():
        html = render_template_string(PAGE, drawing=draw_clock(ClockTrace(()), "UTC"))
    assert "The clock has not begun to run." in html
