"""Message texts go when their time is over, in pieces; the log and everything derived from it stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.events.jobs import drop_expired_bodies
from operator_qos.events.models import EventBody
from operator_qos.operations.doctor import _check_bodies

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def fill(engine: Engine) -> None:
    """Ten texts; text n goes n days after the first of June, and the order in which they came is another."""
    with unit_of_work(engine) as session:
        session.add_all(EventBody(seq=(n * 7) % 10 + 1, body=f"text {n}", expires_ms=to_ms(NOW + timedelta(days=n)))
                        for n in range(10))


def list_texts(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(EventBody.body).order_by(EventBody.expires_ms)))


def test_texts_go_at_their_moment_and_not_before(engine: Engine) -> None:
    fill(engine)
    assert drop_expired_bodies(engine, now=NOW - timedelta(milliseconds=1)) == 0
    assert drop_expired_bodies(engine, now=NOW) == 1
    assert drop_expired_bodies(engine, now=NOW + timedelta(days=6, hours=23), piece=4) == 6
    assert list_texts(engine) == ["text 7", "text 8", "text 9"]
    assert drop_expired_bodies(engine, now=NOW + timedelta(days=7)) == 1


def test_a_run_ends_after_its_pieces_with_the_oldest_gone(engine: Engine) -> None:
    fill(engine)
    assert drop_expired_bodies(engine, now=NOW + timedelta(days=30), piece=2, pieces=3) == 6
    assert list_texts(engine) == ["text 6", "text 7", "text 8", "text 9"]


def test_the_doctor_tells_when_texts_stay_beyond_their_time(engine: Engine) -> None:
    with reading(engine) as session:
        assert _check_bodies(session, NOW).ok
    fill(engine)
    with reading(engine) as session:
        assert _check_bodies(session, NOW + timedelta(days=2)).ok
        late = _check_bodies(session, NOW + timedelta(days=3, hours=1))
    assert (late.ok, "3 days ago" in late.says) == (False, True)
