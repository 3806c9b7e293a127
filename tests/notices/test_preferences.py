"""When people are told: as they chose, not at night, once a day to the minute, and only what has settled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from operator_qos.accounts.models import User
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.notices.jobs import deliver_outbox, tell_due
from operator_qos.notices.mail import list_topics
from operator_qos.notices.models import DigestItem, Notice, OutboxMail, PendingNotice
from operator_qos.notices.rules import (
    Preferences,
    find_next,
    find_quiet_end,
    find_send_at,
    group_of,
    is_lawful,
    read_minute,
    write_minute,
)
from operator_qos.notices.service import PreferenceError, announce, save_preferences, withdraw_notice
from tests.notices.test_outbox import NOW, Mailbox, people, serve

__all__ = ["people"]
NIGHT = Preferences(quiet_from=22 * 60, quiet_to=7 * 60, zone="Europe/Paris")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(("now", "until"), [
    ("2026-06-18T22:00:00+02:00", "2026-06-19T07:00:00+02:00"),  # the first minute is quiet
    ("2026-06-19T06:59:59+02:00", "2026-06-19T07:00:00+02:00"),
    ("2026-06-19T07:00:00+02:00", None),  # the last is not
    ("2026-06-18T21:59:59+02:00", None),
    ("2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),  # the night that clocks skip an hour of
    ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
])
def test_quiet_hours_end_on_the_readers_clock(now: str, until: str | None) -> None:
    assert find_quiet_end(NIGHT, now=at(now)) == (None if until is None else at(until))


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = Preferences(quiet_from=12 * 60, quiet_to=13 * 60, zone="UTC")
    assert find_quiet_end(noon, now=at("2026-06-18T12:30:00+00:00")) == at("2026-06-18T13:00:00+00:00")
    assert find_quiet_end(Preferences(quiet_from=60, quiet_to=60), now=NOW) is None
    assert find_quiet_end(Preferences(), now=NOW) is None


@pytest.mark.parametrize(("topic", "due", "waits"), [
    ("standing_changed", None, True),
    ("standing_changed", "2026-06-19T09:00:00+02:00", True),  # its deadline comes after the night
    ("dispute_offer", "2026-06-19T05:00:00+02:00", False),  # this one does not
    ("statement", None, False),
    ("standard_published", None, False),
    ("dispute_reminder", None, False),
])
def test_a_mail_waits_for_the_morning_unless_law_or_a_deadline_asks(topic: str, due: str | None, waits: bool) -> None:
    now = at("2026-06-18T23:30:00+02:00")
    found = find_send_at(NIGHT, topic, now=now, due_at=at(due) if due else None)
    assert found == (at("2026-06-19T07:00:00+02:00") if waits else now)


@pytest.mark.parametrize(("now", "minute", "due"), [
    ("2026-06-18T07:59:59+02:00", 480, "2026-06-18T08:00:00+02:00"),
    ("2026-06-18T08:00:00+02:00", 480, "2026-06-19T08:00:00+02:00"),
    ("2026-03-28T08:00:00+01:00", 480, "2026-03-29T08:00:00+02:00"),  # 23 hours later
    ("2026-10-24T08:00:00+02:00", 480, "2026-10-25T08:00:00+01:00"),  # 25 hours later
    ("2026-03-28T23:00:00+01:00", 150, "2026-03-29T03:30:00+02:00"),  # 02:30 is skipped
    ("2026-10-24T23:00:00+02:00", 150, "2026-10-25T02:30:00+02:00"),  # 02:30 comes twice
    ("2026-10-25T02:30:00+02:00", 150, "2026-10-26T02:30:00+01:00"),
])
def test_the_daily_mail_comes_when_local_clocks_show_its_hour(now: str, minute: int, due: str) -> None:
    assert find_next(minute, "Europe/Paris", now=at(now)) == at(due)


@given(now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1),  # noqa: DTZ001  # the strategy adds the zone
                        timezones=st.just(UTC)),
       minute=st.integers(0, 1439), zone=st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu",
                                                          "Australia/Lord_Howe", "UTC"]))
def test_there_is_one_daily_mail_per_local_day(now: datetime, minute: int, zone: str) -> None:
    first = find_next(minute, zone, now=now)
    second = find_next(minute, zone, now=first)
    local = [moment.astimezone(ZoneInfo(zone)).date() for moment in (first, second)]
    assert now < first
    assert local[1] - local[0] == DAY
    assert find_next(minute, zone, now=first - timedelta(seconds=1)) == first


def test_minutes_are_read_and_written() -> None:
    assert [read_minute(text) for text in ("07:30", "0:00", "24:00", "7", "a:b", "")] == [
        450, 0, None, None, None, None]
    assert [write_minute(minute) for minute in (450, 0, None)] == ["07:30", "00:00", ""]


def test_every_topic_has_a_group_and_law_is_told_at_once() -> None:
    digest = Preferences(ways=dict.fromkeys(("standing", "disputes", "recourse", "other"), "digest"))
    for topic in list_topics("en"):
        assert digest.way_of(topic) == ("now" if is_lawful(topic) else "digest"), topic
    assert [group_of(topic) for topic in ("standing_changed", "evidence_given", "appeal_decided", "x")] == [
        "standing", "disputes", "recourse", "other"]


def choose(engine: Engine, email: str, **chosen: object) -> None:
    with unit_of_work(engine) as session:
        user_id = session.scalars(select(User.id).where(User.email == email)).one()
        save_preferences(session, user_id=user_id, chosen=Preferences(**chosen), now=NOW)


def tell(engine: Engine, key: str, topic: str = "standing_news", now: datetime = NOW,
         settle: datetime | None = None, text: str = "A") -> bool:
    with unit_of_work(engine) as session:
        return announce(session, key=key, seller_id=1, shop_id=None, topic=topic, data={"shop": text},
                        link="/seller/notices", now=now, settle_until=settle)


def list_outbox(engine: Engine) -> list[tuple[str, str, datetime]]:
    with reading(engine) as session:
        rows = session.execute(select(OutboxMail.recipient, OutboxMail.subject, OutboxMail.next_attempt_at)
                               .order_by(OutboxMail.id))
        return [tuple(row) for row in rows]


def test_each_hears_of_it_as_they_chose(people: Engine) -> None:
    choose(people, "anne@s1.example", ways={"standing": "digest"}, digest_minute=600, zone="Europe/Paris")
    choose(people, "bob@s1.example", ways={"standing": "feed"})
    assert tell(people, "k1")
    assert list_outbox(people) == []
    with reading(people) as session:
        assert session.scalars(select(DigestItem.due_at)).all() == [at("2026-06-18T10:00:00+02:00")]
        assert len(session.scalars(select(Notice)).all()) == 1
    tell(people, "k2", topic="statement")  # law asks for it, whatever they chose
    assert [mail[0] for mail in list_outbox(people)] == ["anne@s1.example", "bob@s1.example"]


def test_one_daily_mail_tells_everything_once_however_many_workers(people: Engine, database_url: str) -> None:
    choose(people, "anne@s1.example", ways={"standing": "digest"}, digest_minute=600, zone="Europe/Paris")
    choose(people, "bob@s1.example", ways={"standing": "feed"})
    for number in range(3):
        tell(people, f"k{number}", text=f"Shop {number}")
    assert tell_due(people, now=NOW) == (0, 0)
    later, other = at("2026-06-18T10:00:00+02:00"), create_database_engine(database_url)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda own: tell_due(own, now=later), (people, other, people)))
    other.dispose()
    assert sum(digests for _, digests in done) == 1
    box = Mailbox()
    with serve(box) as settings:
        assert deliver_outbox(people, settings, now=later).sent == 1
    (mail,) = box.mails
    assert (mail["To"], mail["Subject"]) == ("anne@s1.example", "3 avis")
    body = mail.get_content()
    assert all(f"Shop {number}" in body for number in range(3))
    assert "18 juin 2026, 9" in body  # when it happened, on the reader's clock
    assert tell_due(people, now=later + DAY) == (0, 0)
    tell(people, "k9", now=later)
    assert tell_due(people, now=later + DAY) == (0, 1)


def test_at_night_a_mail_waits_and_leaves_in_the_morning(people: Engine) -> None:
    choose(people, "anne@s1.example", quiet_from=22 * 60, quiet_to=7 * 60, zone="Europe/Paris")
    night = at("2026-06-18T23:00:00+02:00")
    tell(people, "k1", now=night)
    tell(people, "k2", topic="statement", now=night)
    morning = at("2026-06-19T07:00:00+02:00")
    assert [mail[2] for mail in list_outbox(people) if mail[0].startswith("anne")] == [morning, night]
    assert [mail[2] for mail in list_outbox(people) if mail[0].startswith("bob")] == [night, night]


def test_who_left_gets_no_daily_mail(people: Engine) -> None:
    choose(people, "anne@s1.example", ways={"standing": "digest"})
    tell(people, "k1")
    with unit_of_work(people) as session:
        session.scalars(select(User).where(User.email == "anne@s1.example")).one().active = False
    assert tell_due(people, now=NOW + DAY) == (0, 0)
    assert [mail[0] for mail in list_outbox(people)] == ["bob@s1.example"]
    with reading(people) as session:
        assert session.scalars(select(DigestItem)).all() == []


def test_what_came_and_went_before_it_settled_is_told_to_nobody(people: Engine) -> None:
    assert tell(people, "k1", settle=NOW + HOUR)
    assert tell_due(people, now=NOW + HOUR - timedelta(seconds=1)) == (0, 0)
    with unit_of_work(people) as session:
        assert withdraw_notice(session, key="k1")
        assert not withdraw_notice(session, key="k1")
    assert tell_due(people, now=NOW + DAY) == (0, 0)
    assert list_outbox(people) == []


def test_what_has_settled_is_told_once_in_its_last_words(people: Engine, database_url: str) -> None:
    tell(people, "k1", settle=NOW + HOUR, text="first")
    assert tell(people, "k1", settle=NOW + 2 * HOUR, text="last")
    assert tell_due(people, now=NOW + HOUR) == (0, 0)
    other = create_database_engine(database_url)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda own: tell_due(own, now=NOW + 2 * HOUR), (people, other)))
    other.dispose()
    assert sum(told for told, _ in done) == 1
    assert len(list_outbox(people)) == 2
    assert all("last" in subject for _, subject, _ in list_outbox(people))
    assert not tell(people, "k1", settle=NOW + 3 * HOUR)  # told is told
    with unit_of_work(people) as session:
        assert not withdraw_notice(session, key="k1")
        assert session.scalars(select(PendingNotice)).all() == []


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(("chosen", "field"), [
    ({"ways": {"weather": "now"}}, "ways"), ({"ways": {"standing": "never"}}, "ways"),
    ({"digest_minute": 1440}, "time"), ({"quiet_from": 60}, "quiet"), ({"zone": "Paris"}, "zone")])
def test_what_cannot_be_kept_is_refused_with_its_field(people: Engine, chosen: dict[str, object], field: str) -> None:
    with pytest.raises(PreferenceError) as refused:
        choose(people, "anne@s1.example", **chosen)
    assert refused.value.field == field
