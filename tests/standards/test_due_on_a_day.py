"""Answers due on a day at a clock time, and clocks that stop on holidays: what is promised is what is judged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendars import CalendarBook, CalendarVersion, Closure
from scoring.dossier import Dossier, Frame, fold
from scoring.dues import NEVER_MS
from scoring.events import TypedEvent, iso
from scoring.metrics import FLAGS, GROUP_CODES
from scoring.obligations import ObligationRow, list_obligations
from scoring.outcomes import list_outcomes
from scoring.spans import standing_at, trace
from scoring.standards import StandardError, load_preset, parse_standard
from scoring.terms import Terms, read_terms
from scoring.zones import find_country_zone
from tests.scoring.counting import read_all

PARIS = ZoneInfo("Europe/Paris")
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
HOLIDAYS = {"marketplace": ["2026-05-14"], "BE": ["2026-05-13", "2026-07-21"]}
WITHIN = FLAGS["response_within_rate"]


def terms_of(clock: dict[str, Any], *, hours: int | None = None, metric: str = "response_within_rate") -> Terms:
    """The terms of a standard whose answers run on this clock."""
    rule = {"id": "answered", "metric": metric, "unit": "message", "window": {"days": 30},
            "measure": "share_of_good", "clock": "own", "kept_when": ">= 90 %"}
    standard = parse_standard({
        "id": "small", "version": 1, "title": {"en": "Small"}, "effective_from": "2020-01-01",
        "evaluated": {"every": "day"}, "clocks": [{"id": "own", **clock}], "holidays": HOLIDAYS,
        "rules": [{**rule, **({} if hours is None else {"within_hours": hours})}]})
    return read_terms(standard, from_ms=-(2**62), otherwise=load_preset("ours"))


def tell(asked: str, *, answered: str | None = None, country: str = "FR") -> list[TypedEvent]:
    """An order to a country, a question about it, and its answer."""
    told: list[tuple[str, str, str, dict[str, Any]]] = [
        ("order.placed", "2026-05-01T08:00:00Z", "O", {"country": country, "ship_by": "2026-06-30"}),
        ("message.sent", asked, "V", {"author": "buyer", "order": "O"}),
        *([("message.sent", answered, "V", {"author": "seller"})] if answered else [])]
    return read_all([
        {"specversion": "1.0", "type": f"qos.{name}", "source": "/t", "id": str(number), "subject": subject,
         "time": at, "marketplace": "fr", "shop": "S", "data": data}
        for number, (name, at, subject, data) in enumerate(told)])


def frame_of(terms: Terms, *, book: CalendarBook | None = None) -> Frame:
    return Frame("Europe/Paris", book or CalendarBook("Europe/Paris"), (terms,))


def find_due(terms: Terms, asked: str, *, country: str = "FR", book: CalendarBook | None = None) -> str:
    """When the answer is promised, local time."""
    due = promise_of(fold(tell(asked, country=country), frame_of(terms, book=book))).due_ms
    return datetime.fromtimestamp(due / 1000, PARIS).strftime("%a %d %b %H:%M:%S")


def promise_of(dossier: Dossier) -> ObligationRow:
    return next(row for row in list_obligations(dossier) if row.kind == "answer")


@pytest.mark.parametrize(("clock", "asked", "due"), [
    # The chats of Lazada: up to the cut at seven in the evening, after it on the next day.
    ({"due_in_days": 0, "due_at": "19:00", "order_cut_off": "18:00"}, "2026-05-06T15:59:00Z", "Wed 06 May 19:00:00"),
    ({"due_in_days": 0, "due_at": "19:00", "order_cut_off": "18:00"}, "2026-05-06T16:00:00Z", "Thu 07 May 19:00:00"),
    # Without a cut, what comes when the day's deadline is over is due on the next day.
    ({"due_in_days": 0, "due_at": "19:00"}, "2026-05-06T17:00:00Z", "Wed 06 May 19:00:00"),
    ({"due_in_days": 0, "due_at": "19:00"}, "2026-05-06T17:00:01Z", "Thu 07 May 19:00:00"),
    # A whole day ends with its last millisecond.
    ({"due_in_days": 1}, "2026-05-06T12:00:00Z", "Thu 07 May 23:59:59"),
    # Ascension Day stops a clock that names the marketplace's holidays, and no other.
    ({"due_in_days": 1, "holidays": "marketplace"}, "2026-05-13T08:00:00Z", "Fri 15 May 23:59:59"),
    ({"due_in_days": 1}, "2026-05-13T08:00:00Z", "Thu 14 May 23:59:59"),
    # Friday to Monday.
    ({"due_in_days": 1, "due_at": "12:00", "weekdays": WORKDAYS}, "2026-05-08T08:00:00Z", "Mon 11 May 12:00:00"),
])
def test_an_answer_is_promised_by(clock: dict[str, Any], asked: str, due: str) -> None:
    assert find_due(terms_of(clock), asked) == due


def test_the_holidays_of_the_destination_are_those_of_the_country_an_order_goes_to() -> None:
    terms = terms_of({"due_in_days": 1, "holidays": "destination"})
    asked = "2026-05-12T08:00:00Z"
    assert [find_due(terms, asked, country=country) for country in ("FR", "BE", "DE")] == [
        "Wed 13 May 23:59:59", "Thu 14 May 23:59:59", "Wed 13 May 23:59:59"]


def test_a_clock_of_the_destination_runs_in_the_zone_of_its_country_and_in_the_marketplaces_where_there_are_several(
) -> None:
    """Lisbon is an hour behind Paris, Helsinki one ahead; Spain and the United States have more than one clock."""
    terms = terms_of({"due_in_days": 0, "due_at": "12:00", "zone": "destination"})
    asked = "2026-05-12T07:00:00Z"
    dues = {country: find_due(terms, asked, country=country) for country in ("FR", "FI", "ES", "US", "GB", "XX")}
    assert dues == {"FR": "Tue 12 May 12:00:00", "FI": "Tue 12 May 11:00:00", "ES": "Tue 12 May 12:00:00",
                    "US": "Tue 12 May 12:00:00", "GB": "Tue 12 May 13:00:00", "XX": "Tue 12 May 12:00:00"}
    hours = terms_of({"hours": [["09:00", "17:00"]], "zone": "destination"}, hours=2)
    assert [find_due(hours, asked, country=country) for country in ("FR", "GB", "FI")] == [
        "Tue 12 May 11:00:00", "Tue 12 May 12:00:00", "Tue 12 May 11:00:00"]


@pytest.mark.parametrize(("country", "zone"), [
    ("FR", "Europe/Paris"), ("DE", "Europe/Berlin"), ("IT", "Europe/Rome"), ("JP", "Asia/Tokyo"), ("ES", None),
    ("PT", None), ("US", None), ("fr", None), ("", None), ("XX", None),
])
def test_a_country_has_a_zone_where_its_clocks_agree(country: str, zone: str | None) -> None:
    """Germany's table names a second zone, whose clocks show the same."""
    assert find_country_zone(country) == zone


def test_hours_stop_on_holidays_too() -> None:
    """Six hours on the eve, none on Ascension Day, two on Friday; a Belgian order loses the eve instead."""
    hours = [["09:00", "17:00"]]
    asked = "2026-05-13T09:00:00Z"
    market = terms_of({"weekdays": WORKDAYS, "hours": hours, "holidays": "marketplace"}, hours=8)
    assert find_due(market, asked) == "Fri 15 May 11:00:00"
    abroad = terms_of({"weekdays": WORKDAYS, "hours": hours, "holidays": "destination"}, hours=8)
    assert find_due(abroad, asked, country="BE") == "Thu 14 May 17:00:00"


def test_the_sellers_holidays_stop_a_clock_with_hours_of_its_own() -> None:
    """Not the seller's hours: those of the clock count on every other day."""
    book = CalendarBook("Europe/Paris", (CalendarVersion(
        hours={"mon": (("09:00", "10:00"),)}, holidays=frozenset({date(2026, 5, 15)}),
        effective_from=date(2026, 1, 1), set_at_ms=0),))
    terms = terms_of({"weekdays": WORKDAYS, "hours": [["09:00", "17:00"]], "holidays": "seller"}, hours=8)
    assert find_due(terms, "2026-05-14T13:00:00Z", book=book) == "Mon 18 May 15:00:00"


def test_a_day_closed_as_a_whole_is_no_day_for_clocks_that_stop_for_it() -> None:
    day = int(datetime(2026, 5, 6, 22, tzinfo=UTC).timestamp() * 1000)
    book = CalendarBook("Europe/Paris", (), (Closure(day - 3_600_000, day + 86_400_000, 0),))  # Thursday
    asked = "2026-05-06T21:30:00Z"
    clock: dict[str, Any] = {"due_in_days": 1}
    assert find_due(terms_of(clock), asked, book=book) == "Thu 07 May 23:59:59"
    assert find_due(terms_of({**clock, "stops_for": ["shop_closed"]}), asked, book=book) == "Fri 08 May 23:59:59"


def test_a_clock_on_which_no_day_comes_is_never_due() -> None:
    book = CalendarBook("Europe/Paris", (), (Closure(0, NEVER_MS, 0),))
    terms = terms_of({"due_in_days": 1, "stops_for": ["platform_closed"]})
    assert promise_of(fold(tell("2026-05-06T10:00:00Z"), frame_of(terms, book=book))).due_ms == NEVER_MS


def list_clocks() -> Iterator[dict[str, Any]]:
    for weekdays in (WORKDAYS, ["sat"], [*WORKDAYS, "sat", "sun"]):
        for holidays in ("none", "marketplace", "destination"):
            yield {"weekdays": weekdays, "holidays": holidays}


TIMES = st.sampled_from([None, "00:00", "02:30", "12:00", "19:00", "23:59", "24:00"])


@st.composite
def clocks(draw: st.DrawFn) -> dict[str, Any]:
    days = draw(st.integers(0, 4))
    told = {"due_at": draw(TIMES), "order_cut_off": draw(TIMES)}
    return {**draw(st.sampled_from(list(list_clocks()))), "due_in_days": days, "roll_forward": draw(st.booleans()),
            "starts_on": draw(st.sampled_from(["same_day", "next_day"])),
            **{name: value for name, value in told.items() if value is not None}}


# Around a change of the clocks and around the holidays.
MINUTES = st.one_of(st.integers(0, 6 * 1440), st.integers(-48 * 1440, -44 * 1440))


def walk_to_due(clock: dict[str, Any], asked: datetime, country: str) -> datetime:
    """The same deadline, looked for day by day: the first instant after it."""
    name = {"marketplace": "marketplace", "destination": country}.get(clock["holidays"], "")
    free = {date.fromisoformat(day) for day in HOLIDAYS.get(name, [])}
    def counts(day: date) -> bool:
        return day.strftime("%a").lower() in clock["weekdays"] and day not in free
    def end(day: date) -> datetime:
        at = clock.get("due_at", "24:00")
        if at == "24:00":
            return datetime.combine(day + timedelta(days=1), time(), PARIS).astimezone(UTC)
        return datetime.combine(day, time.fromisoformat(at), PARIS).astimezone(UTC) + timedelta(milliseconds=1)
    local = asked.astimezone(PARIS)
    day = local.date()
    cut = clock.get("order_cut_off", "24:00")
    if cut != "24:00" and local.strftime("%H:%M") >= cut:
        day += timedelta(days=1)
    left = clock["due_in_days"]
    if clock["starts_on"] == "same_day" and left and counts(day):
        left -= 1
    while left:
        day += timedelta(days=1)
        left -= counts(day)
    while (clock["roll_forward"] and not counts(day)) or end(day) <= asked:
        day += timedelta(days=1)
        while not counts(day):
            day += timedelta(days=1)
    return end(day)


@settings(max_examples=60)
@given(clock=clocks(), minutes=MINUTES, country=st.sampled_from(["FR", "BE"]))
def test_what_is_shown_is_judged_to_the_second(clock: dict[str, Any], minutes: int, country: str) -> None:
    """An answer in the very second shown is in time, one a second later is late, and silence is late from then on."""
    asked = datetime(2026, 5, 10, 10, tzinfo=UTC) + timedelta(minutes=minutes)
    frame = frame_of(terms_of(clock))
    written = asked.strftime("%Y-%m-%dT%H:%M:%SZ")
    due = promise_of(fold(tell(written, country=country), frame)).due_ms
    assert due + 1 == round(walk_to_due(clock, asked, country).timestamp() * 1000)
    shown = due // 1000 * 1000
    assert [is_late(frame, written, country, at) for at in (shown, shown + 1000)] == [False, True]
    silent = trace(tell(written, country=country), frame)
    seen = [next((o for o in standing_at(silent.spans, at) if o.group == GROUP_CODES["turn"]), None)
            for at in (due, due + 1)]
    assert [one is not None and bool(one.bad & WITHIN) for one in seen] == [False, True]


def is_late(frame: Frame, asked: str, country: str, answered_ms: int) -> bool:
    """Whether an answer given at a moment counts as late, the promise being settled by it."""
    dossier = fold(tell(asked, answered=iso(answered_ms), country=country), frame)
    if answered_ms > promise_of(fold(tell(asked, country=country), frame)).since_ms:
        assert promise_of(dossier).settled_ms == answered_ms
    at = answered_ms + 10
    found = next(o for o in list_outcomes(dossier, as_of_ms=at, known_at_ms=at) if o.group == GROUP_CODES["turn"])
    assert found.base & WITHIN
    return bool(found.bad & WITHIN)


@pytest.mark.parametrize(("clock", "rule", "problem"), [
    ({"due_in_days": 1}, {"within_hours": 24}, "rules[0].within_hours: clock own is due on a day"),
    ({"due_in_days": 1}, {"metric": "resolution_within_rate", "unit": "case"}, "rules[0].clock: a resolution is timed"),
    ({"due_in_days": 1, "hours": [["09:00", "17:00"]]}, {}, "clocks[0].due_in_days: is due on a day"),
])
def test_what_contradicts_itself_is_refused(clock: dict[str, Any], rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(StandardError) as refused:
        parse_standard({
            "id": "small", "version": 1, "title": {"en": "Small"}, "effective_from": "2020-01-01",
            "evaluated": {"every": "day"}, "clocks": [{"id": "own", **clock}],
            "rules": [{"id": "answered", "metric": "response_within_rate", "unit": "message", "clock": "own",
                       "window": {"days": 30}, "measure": "share_of_good", "kept_when": ">= 90 %", **rule}]})
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(("holidays", "problem"), [
    ({"paris": ["2026-05-14"]}, "holidays.paris: dates stand under marketplace"),
    ({"FR": ["14 May"]}, "expected a date like 2026-01-31"),
    ({"FR": ["2026-05-14", "2026-05-14"]}, "holidays.FR: 2026-05-14 is given twice"),
    ([], "holidays: expected dates under marketplace"),
])
def test_holidays_are_dates_under_the_marketplace_or_a_country(holidays: Any, problem: str) -> None:
    with pytest.raises(StandardError, match=problem.replace("(", r"\(")):
        parse_standard({
            "id": "small", "version": 1, "title": {"en": "Small"}, "effective_from": "2020-01-01",
            "evaluated": {"every": "day"}, "holidays": holidays,
            "rules": [{"id": "answered", "metric": "response_within_rate", "window": {"days": 30}}]})


def test_a_standard_reads_back_its_holidays() -> None:
    plain = terms_of({"due_in_days": 1, "holidays": "destination"})
    assert plain.holidays == (("marketplace", (date(2026, 5, 14),)), ("BE", (date(2026, 5, 13), date(2026, 7, 21))))
    assert iso(NEVER_MS).startswith("2100")
