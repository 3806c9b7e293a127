"""The clock of a promise, stretch by stretch, against a case worked by hand and against the engine's own sums."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.cases import CaseState, Span, seller_ms
from scoring.clock_trace import ClockKind, ClockSegment, ClockTrace, join_segments
from scoring.instants import from_ms, to_ms
from scoring.obligations import ObligationRow
from scoring.promise_traces import span_of, trace_case, trace_obligation, trace_spans
from scoring.working_calendar import WorkingCalendar

MADRID = ZoneInfo("Europe/Madrid")
HOURS = [("09:30", "14:00"), ("16:00", "19:00")]
SHOP = WorkingCalendar(
    timezone="Europe/Madrid", weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), tuple(HOURS)),
    holidays=[date(2026, 5, 15)])
HOUR = 3600


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-05-{text}").replace(tzinfo=MADRID)


# Opened on Wednesday 13 May; San Isidro is a holiday in Madrid; the buyer was asked for a photo on the 18th.
SPANS = (
    span_of("seller", at("13 16:20"), at("18 12:50")), span_of("buyer", at("18 12:50"), at("19 17:15")),
    span_of("seller", at("19 17:15"), at("22 11:40")), span_of("nobody", at("22 11:40")),
)
LATER_MS = to_ms(at("30 00:00"))


def case() -> CaseState:
    return CaseState("D-1987", opened_ms=SPANS[0].from_ms, spans=list(SPANS), resolved_ms=[SPANS[3].from_ms])


def obligation(**fields) -> ObligationRow:
    row = ObligationRow(
        owes="seller", kind="resolve", ref="D-1987", order=None, conversation=None, opened_source="/s", opened_id="1",
        since_ms=SPANS[0].from_ms, due_ms=0, settled_ms=SPANS[3].from_ms, void_ms=None, void_reason=None,
        waiting_for=None, excluded=None)
    return row._replace(**fields)


def counted(trace: ClockTrace) -> list[tuple[ClockKind, datetime]]:
    return [(segment.kind, segment.end) for segment in trace.segments]


def test_a_case_worked_by_hand_from_opening_to_solving():
    trace = trace_case(case(), SHOP.engine, until_ms=LATER_MS, limit_seconds=24 * HOUR)
    seconds = trace.to_json()["seconds"]
    assert {kind: value / HOUR for kind, value in seconds.items()} == pytest.approx({
        "counting": 32 + 25 / 60, "waiting_for_buyer": 28 + 25 / 60, "holiday": 24, "off_hours": 126.5})
    assert trace.used_up_at == at("21 10:45")
    assert (trace.segments[0].start, trace.segments[-1].end) == (at("13 16:20"), at("22 11:40"))
    assert counted(trace)[:5] == [
        (ClockKind.COUNTING, at("13 19:00")), (ClockKind.OFF_HOURS, at("14 09:30")),
        (ClockKind.COUNTING, at("14 14:00")), (ClockKind.OFF_HOURS, at("14 16:00")),
        (ClockKind.COUNTING, at("14 19:00"))]


def test_a_promise_is_traced_until_it_is_settled_void_or_now():
    held = trace_obligation(obligation(), SHOP.engine, now_ms=LATER_MS, spans=SPANS)
    assert held.segments == trace_case(case(), SHOP.engine, until_ms=LATER_MS).segments
    assert held.used_up_at is None
    alone = trace_obligation(obligation(), SHOP.engine, now_ms=LATER_MS)
    assert alone.counted_seconds == SHOP.elapsed(at("13 16:20"), at("22 11:40"))
    void = obligation(settled_ms=None, void_ms=to_ms(at("14 09:30")))
    assert trace_obligation(void, SHOP.engine, now_ms=LATER_MS).segments[-1].end == at("14 09:30")
    still = trace_obligation(obligation(settled_ms=None), SHOP.engine, now_ms=to_ms(at("14 10:00")))
    assert still.counted_seconds == 3 * HOUR + 10 * 60


def test_an_excluded_promise_is_excluded_from_start_to_end():
    excluded = (ClockSegment(at("13 16:20"), at("22 11:40"), ClockKind.EXCLUDED),)
    assert trace_obligation(obligation(excluded="both"), SHOP.engine, now_ms=LATER_MS).segments == excluded
    assert trace_case(case(), SHOP.engine, until_ms=LATER_MS, is_excluded=True).segments == excluded


def test_a_stretch_excluded_takes_precedence_and_splits_the_others():
    since, until = to_ms(at("14 10:00")), to_ms(at("14 16:30"))
    trace = trace_spans(SHOP.engine, SPANS, until_ms=to_ms(at("14 17:00")), excluded=[(since, until)])
    assert counted(trace)[2:] == [
        (ClockKind.COUNTING, at("14 10:00")), (ClockKind.EXCLUDED, at("14 16:30")),
        (ClockKind.COUNTING, at("14 17:00"))]


@pytest.mark.parametrize(
    ("holder", "kind"),
    [("operator", ClockKind.WAITING_FOR_OPERATOR), ("mediator", ClockKind.WAITING_FOR_OPERATOR),
     ("carrier", ClockKind.WAITING_FOR_CARRIER), ("buyer", ClockKind.WAITING_FOR_BUYER), ("nobody", ClockKind.SETTLED)],
)
def test_who_holds_it_says_what_the_clock_waits_for(holder, kind):
    spans = (span_of(holder, at("14 10:00"), at("14 11:00")),)
    assert trace_spans(SHOP.engine, spans, until_ms=LATER_MS).segments == (
        ClockSegment(at("14 10:00"), at("14 11:00"), kind),)


def test_the_operators_own_promise_counts_while_the_operator_holds_it():
    spans = (span_of("operator", at("14 10:00"), at("14 11:00")),)
    assert trace_spans(SHOP.engine, spans, until_ms=LATER_MS, owes="operator").counted_seconds == HOUR


def test_a_holder_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="holder: 'judge' is none of seller, buyer"):
        trace_spans(SHOP.engine, (span_of("judge", at("14 10:00")),), until_ms=LATER_MS)


def test_a_case_without_history_or_before_its_opening_has_no_trace():
    assert trace_case(CaseState("D-1"), SHOP.engine, until_ms=LATER_MS, is_excluded=True).segments == ()
    assert trace_case(case(), SHOP.engine, until_ms=SPANS[0].from_ms).segments == ()


def test_a_reopened_case_stands_settled_in_between():
    spans = (span_of("seller", at("13 16:20"), at("14 10:00")), span_of("nobody", at("14 10:00"), at("18 10:00")),
             span_of("seller", at("18 10:00")))
    reopened = CaseState("D-2", opened_ms=spans[0].from_ms, spans=list(spans))
    trace = trace_case(reopened, SHOP.engine, until_ms=to_ms(at("18 11:00")))
    assert trace.count_seconds(ClockKind.SETTLED) == 96 * HOUR
    assert trace.counted_seconds == 4 * HOUR + 10 * 60


def test_the_json_form_says_all_in_plain_values():
    trace = ClockTrace(join_segments([
        ClockSegment(from_ms(0), from_ms(1_000), ClockKind.COUNTING),
        ClockSegment(from_ms(1_000), from_ms(3_000), ClockKind.COUNTING),
        ClockSegment(from_ms(3_000), from_ms(4_500), ClockKind.CLOSED)]), limit_seconds=2)
    assert json.loads(json.dumps(trace.to_json())) == {
        "segments": [
            {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:00:03Z", "kind": "counting", "seconds": 3.0},
            {"start": "1970-01-01T00:00:03Z", "end": "1970-01-01T00:00:04.500000Z", "kind": "closed", "seconds": 1.5}],
        "seconds": {"counting": 3.0, "closed": 1.5}, "counted_seconds": 3.0, "limit_seconds": 2,
        "used_up_at": "1970-01-01T00:00:02Z"}
    assert ClockTrace((), 5.0).to_json()["used_up_at"] is None


holders = st.sampled_from(["seller", "buyer", "operator", "carrier", "mediator", "nobody"])
START = datetime(2026, 5, 11, tzinfo=UTC)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(holders, st.integers(0, 3 * 86_400)), min_size=1, max_size=8), st.integers(0, 12 * 86_400))
def test_the_trace_has_no_gaps_and_counts_what_the_case_counts(steps, until_seconds):
    spans, since = [], to_ms(START)
    for holder, seconds in steps:
        spans.append(Span(holder, since, since + seconds * 1000))
        since += seconds * 1000
    until_ms = to_ms(START + timedelta(seconds=until_seconds))
    found = CaseState("D", opened_ms=spans[0].from_ms, spans=spans)
    trace = trace_spans(SHOP.engine, spans, until_ms=until_ms)
    assert trace.counted_seconds * 1000 == seller_ms(found, SHOP.engine, until_ms=until_ms)
    assert sum(s.seconds for s in trace.segments) * 1000 == min(since, until_ms) - spans[0].from_ms
    assert all(a.end == b.start and a.kind != b.kind for a, b in pairwise(trace.segments))
    limit = trace.counted_seconds / 2
    used_up_at = ClockTrace(trace.segments, limit).used_up_at
    if limit and used_up_at:
        half = trace_spans(SHOP.engine, spans, until_ms=round(used_up_at.timestamp() * 1000))
        assert half.counted_seconds == pytest.approx(limit, abs=0.001)
