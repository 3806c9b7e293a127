"""P7: working time between ten million pairs of moments, and the same answers from businesstimedelta.

Split shifts, half a Saturday, the public holidays of France, six years with their changes of the clocks. `python -m
benchmarks.clock [PAIRS]`; seconds of the processor, so that what else runs on the machine says little.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import report
from scoring import WorkingCalendar
from scoring.holiday_proposals import propose_holidays

PAIRS, COMPARED, ROUNDS = 10_000_000, 1_000, 5
YEARS = range(2024, 2030)
SPLIT = (("09:00", "12:30"), ("14:00", "18:00"))
LONGEST_SECONDS = 30 * 86_400


def make_calendar() -> WorkingCalendar:
    """A French shop with a break at noon."""
    years = range(YEARS[0] - 1, YEARS[-1] + 3)  # businesstimedelta looks for the next holiday, so there must be one
    holidays = [proposed.day for year in years for proposed in propose_holidays("FR", None, year)]
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), SPLIT) | {"sat": (("09:00", "12:30"),)}
    return WorkingCalendar(timezone="Europe/Paris", weekly=week, holidays=holidays)


def make_pairs(count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Moments in random order, to the second, up to 30 days apart; `datetime64[us]`, UTC."""
    random = np.random.default_rng(7)
    first, last = (round(datetime(year, 1, 2, tzinfo=UTC).timestamp()) for year in (YEARS[0], YEARS[-1] + 1))
    start = random.integers(first, last - LONGEST_SECONDS, count)
    end = start + random.integers(0, LONGEST_SECONDS, count)
    return start.astype("datetime64[s]").astype("datetime64[us]"), end.astype("datetime64[s]").astype("datetime64[us]")


def make_rules() -> Any:
    """The same hours for businesstimedelta."""
    import businesstimedelta
    import pytz

    zone = pytz.timezone("Europe/Paris")
    days = dict.fromkeys(make_calendar().holidays, "holiday")
    return businesstimedelta.Rules([
        businesstimedelta.WorkDayRule(time_of_day(9), time_of_day(18), [0, 1, 2, 3, 4], zone),
        businesstimedelta.WorkDayRule(time_of_day(9), time_of_day(12, 30), [5], zone),
        businesstimedelta.LunchTimeRule(
            start_time=time_of_day(12, 30), end_time=time_of_day(14), working_days=[0, 1, 2, 3, 4], tz=zone),
        businesstimedelta.HolidayRule(days, zone),
    ])


def measure(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor that the work took, and its answer."""
    started = time.process_time()
    answer = work()
    return time.process_time() - started, answer


def list_slow(start: NDArray[Any], end: NDArray[Any]) -> list[float]:
    """Seconds of working time from businesstimedelta, pair by pair."""
    rules = make_rules()
    aware = ([moment.replace(tzinfo=UTC) for moment in moments.tolist()] for moments in (start, end))
    found = (rules.difference(*pair) for pair in zip(*aware, strict=True))
    return [worked.hours * 3600 + worked.seconds for worked in found]


def main() -> None:
    """Measure and print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else PAIRS
    calendar, (start, end) = make_calendar(), make_pairs(count)
    calendar.elapsed(start[:10], end[:10])
    best, seconds = min((measure(lambda: calendar.elapsed(start, end)) for _ in range(ROUNDS)), key=lambda run: run[0])
    compared = min(COMPARED, count)
    slow, expected = measure(lambda: list_slow(start[:compared], end[:compared]))
    ours, theirs = count / best, compared / slow
    report("P7 working time between pairs of moments", pairs=count, rounds=ROUNDS, processor_seconds=round(best, 3),
           million_pairs_per_second=round(ours / 1e6, 2))
    report("P7 the same from businesstimedelta", pairs=compared, processor_seconds=round(slow, 3),
           pairs_per_second=round(theirs), times_faster=round(ours / theirs),
           equal=bool(np.array_equal(seconds[:compared], expected)))


if __name__ == "__main__":
    main()
