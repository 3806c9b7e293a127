"""What took long to find is kept for a while, and never longer than what it rests on stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from operator_qos.recent import Recent

NOW = datetime(2026, 6, 18, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_find_is_told_again_until_it_is_old_or_its_ground_moved() -> None:
    recent: Recent[str] = Recent(most=2, age=5 * MINUTE)
    recent.keep("shop 1", "as of 7", stand=7, now=NOW)
    assert recent.find("shop 1", stand=7, now=NOW + 4 * MINUTE) == "as of 7"
    assert recent.find("shop 1", stand=8, now=NOW) is None
    assert recent.find("shop 1", stand=7, now=NOW + 5 * MINUTE) is None
    assert recent.find("shop 1", stand=7, now=NOW - MINUTE) is None  # a clock that was turned back
    assert recent.find("shop 2", stand=7, now=NOW) is None


def test_the_oldest_find_gives_way() -> None:
    recent: Recent[int] = Recent(most=2, age=5 * MINUTE)
    for number in (1, 2, 1, 3):  # 1 was found again after 2
        recent.keep(number, number * 10, stand=0, now=NOW)
    assert [recent.find(number, stand=0, now=NOW) for number in (1, 2, 3)] == [10, None, 30]
