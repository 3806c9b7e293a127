"""Announcing once, delivering once: a real SMTP server, two workers, a server that refuses first."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import Engine, select

from operator_qos.accounts.models import User
from operator_qos.db import reading, unit_of_work
from operator_qos.notices.jobs import CLAIM, RETRY_AFTER, Delivery, claim_mail, deliver_outbox
from operator_qos.notices.models import Notice, OutboxMail
from operator_qos.notices.queries import (
    Reader,
    count_mails,
    count_unread,
    list_mails,
    list_notices,
)
from operator_qos.notices.service import (
    announce,
    hold_lease,
    mark_all_read,
    mark_read,
    release_lease,
    requeue_mail,
)
from operator_qos.sellers.models import Seller
from operator_qos.settings import Settings

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
PEOPLE = [
    ("anne@s1.example", "seller_owner", "fr", 1, True),
    ("bob@s1.example", "seller_staff", "en", 1, True),
    ("gone@s1.example", "seller_staff", "en", 1, False),
    ("eve@s2.example", "seller_owner", "en", 2, True),
    ("ines@operator.example", "admin", "en", None, True),
    ("rosa@mediators.example", "mediator", "fr", None, True),
]


class Mailbox:
    """An SMTP handler that keeps what it gets and can be told to refuse."""

    def __init__(self, refusals: int = 0) -> None:
        self.mails: list[Any] = []
        self.refusals = refusals
        self.lock = threading.Lock()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # aiosmtpd's name
        with self.lock:
            if self.refusals:
                self.refusals -= 1
                return "451 4.3.0 try again later"
            self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@contextmanager
def serve(mailbox: Mailbox) -> Iterator[Settings]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield Settings(smtp_host="127.0.0.1", smtp_port=port, mail_from="qos@operator.example")
    finally:
        controller.stop()


@pytest.fixture
def people(engine: Engine) -> Engine:
    with unit_of_work(engine) as session:
        session.add_all([Seller(id=1, code="s1", name="One"), Seller(id=2, code="s2", name="Two")])
        session.flush()
        session.add_all(
            [
                User(
                    email=email,
                    password_hash="x",
                    name=email.split("@", maxsplit=1)[0],
                    role=role,
                    language=language,
                    seller_id=seller,
                    active=active,
                    created_at=NOW,
                )
                for email, role, language, seller, active in PEOPLE
            ]
        )
    return engine


def tell(
    engine: Engine, key: str = "k1", *, seller: int | None = 1, topic: str = "generic", now: datetime = NOW
) -> bool:
    with unit_of_work(engine) as session:
        return announce(
            session,
            key=key,
            seller_id=seller,
            shop_id=None,
            topic=topic,
            data={"case": "C-1"},
            link="/seller/disputes/1",
            now=now,
        )


def recipients(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return sorted(session.scalars(select(OutboxMail.recipient)))


def queue(engine: Engine, count: int) -> None:
    with unit_of_work(engine) as session:
        session.add_all(
            [
                OutboxMail(
                    key=f"mail-{number}",
                    recipient=f"r{number}@example.org",
                    subject=f"Été {number}",
                    body="Bonjour\n",
                    next_attempt_at=NOW,
                )
                for number in range(count)
            ]
        )


def test_a_notice_is_told_once_to_every_active_reader_of_the_seller(people: Engine) -> None:
    assert [tell(people), tell(people), tell(people)] == [True, False, False]
    assert recipients(people) == ["anne@s1.example", "bob@s1.example"]


def test_two_announcements_at_once_make_one_notice(people: Engine) -> None:
    start = threading.Barrier(2)
    told: list[bool] = []

    def run() -> None:
        start.wait()
        told.append(tell(people))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, True]
    assert recipients(people) == ["anne@s1.example", "bob@s1.example"]


@pytest.mark.parametrize(
    ("topic", "reader"),
    [("dispute_escalated", "rosa@mediators.example"), ("feed_late", "ines@operator.example")],
)
def test_staff_topics_go_to_those_they_concern(people: Engine, topic: str, reader: str) -> None:
    tell(people, seller=None, topic=topic)
    assert recipients(people) == [reader]


def test_keys_longer_than_their_column_stay_apart(people: Engine) -> None:
    assert tell(people, "x" * 300 + "a")
    assert tell(people, "x" * 300 + "b")
    assert not tell(people, "x" * 300 + "a")


def test_readers_see_and_finish_their_own_notices_only(people: Engine) -> None:
    tell(people, "mine")
    tell(people, "theirs", seller=2)
    tell(people, "case", seller=None, topic="dispute_escalated")
    anne, bob, rosa = Reader(1, "seller_owner", 1), Reader(2, "seller_staff", 1), Reader(6, "mediator", None)
    with unit_of_work(people) as session:
        theirs = session.scalars(select(Notice.id).where(Notice.key == "theirs")).one()
        mine = list_notices(session, anne)[0]
        assert (mine.topic, mine.read_at, count_unread(session, anne)) == ("generic", None, 1)
        assert not mark_read(session, anne, notice_id=theirs, now=NOW)
        assert mark_read(session, anne, notice_id=mine.id, now=NOW)
        assert mark_read(session, anne, notice_id=mine.id, now=NOW + timedelta(hours=1))
        assert (count_unread(session, anne), count_unread(session, bob)) == (0, 1)
        assert list_notices(session, anne)[0].read_at == NOW
        assert [row.topic for row in list_notices(session, rosa)] == ["dispute_escalated"]
        assert (mark_all_read(session, rosa, now=NOW), count_unread(session, rosa)) == (1, 0)
        assert list_notices(session, bob, unread_only=True)[0].id == mine.id


def test_a_mail_reaches_the_server_once_with_its_text(engine: Engine) -> None:
    queue(engine, 1)
    mailbox = Mailbox()
    with serve(mailbox) as settings:
        assert deliver_outbox(engine, settings, now=NOW) == Delivery(sent=1)
        assert deliver_outbox(engine, settings, now=NOW + timedelta(days=9)) == Delivery()
    (mail,) = mailbox.mails
    assert (mail["To"], mail["Subject"], mail.get_content().strip()) == ("r0@example.org", "Été 0", "Bonjour")
    with reading(engine) as session:
        (row,) = list_mails(session, state="sent")
        assert (row.attempts, row.sent_at, row.error) == (1, NOW, "")


def test_two_workers_deliver_every_mail_exactly_once(engine: Engine) -> None:
    queue(engine, 40)
    mailbox, start = Mailbox(), threading.Barrier(2)
    done: list[Delivery] = []

    def work(settings: Settings) -> None:
        start.wait()
        done.append(deliver_outbox(engine, settings, now=NOW))

    with serve(mailbox) as settings:
        threads = [threading.Thread(target=work, args=(settings,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(delivery.sent for delivery in done) == 40
    assert sorted(mail["To"] for mail in mailbox.mails) == sorted(
        f"r{number}@example.org" for number in range(40)
    )


def test_a_server_that_refuses_then_accepts_gets_the_mail_after_the_waiting_time(engine: Engine) -> None:
    queue(engine, 1)
    mailbox = Mailbox(refusals=2)
    with serve(mailbox) as settings:
        assert deliver_outbox(engine, settings, now=NOW) == Delivery(postponed=1)
        assert deliver_outbox(engine, settings, now=NOW + timedelta(seconds=59)) == Delivery()
        assert deliver_outbox(engine, settings, now=NOW + timedelta(minutes=1)) == Delivery(postponed=1)
        with reading(engine) as session:
            (row,) = list_mails(session, state="waiting")
            assert row.next_attempt_at == NOW + timedelta(minutes=6)
            assert "451" in row.error and "try again later" in row.error
        assert deliver_outbox(engine, settings, now=NOW + timedelta(minutes=6)) == Delivery(sent=1)
    assert len(mailbox.mails) == 1


def test_a_mail_refused_every_time_ends_as_dead_and_can_be_queued_again(engine: Engine) -> None:
    queue(engine, 1)
    mailbox, now = Mailbox(refusals=len(RETRY_AFTER) + 1), NOW
    with serve(mailbox) as settings:
        for pause in (*RETRY_AFTER, timedelta(0)):
            last = deliver_outbox(engine, settings, now=now)
            now += pause
        assert last == Delivery(dead=1)
        assert deliver_outbox(engine, settings, now=now + timedelta(days=9)) == Delivery()
        with unit_of_work(engine) as session:
            (row,) = list_mails(session, state="dead")
            assert requeue_mail(session, mail_id=row.id, now=now)
            assert not requeue_mail(session, mail_id=row.id, now=now)
        assert deliver_outbox(engine, settings, now=now) == Delivery(sent=1)


def test_a_server_that_is_down_postpones_one_mail_and_leaves_the_others(engine: Engine) -> None:
    queue(engine, 3)
    with serve(Mailbox()) as settings:
        pass  # the server is gone, its port closed
    assert deliver_outbox(engine, settings, now=NOW) == Delivery(postponed=1)
    with reading(engine) as session:
        assert [row.attempts for row in list_mails(session, state="waiting")] == [0, 0, 1]


def test_one_refused_mail_does_not_hold_up_the_next(engine: Engine) -> None:
    queue(engine, 3)
    mailbox = Mailbox(refusals=1)
    with serve(mailbox) as settings:
        assert deliver_outbox(engine, settings, now=NOW) == Delivery(sent=2, postponed=1)


def test_a_claimed_mail_is_free_again_when_its_worker_died(engine: Engine, tmp_path: Path) -> None:
    queue(engine, 1)
    with unit_of_work(engine) as session:
        assert claim_mail(session, 1, now=NOW) is not None
        assert claim_mail(session, 1, now=NOW) is None
    settings = Settings(data_dir=tmp_path)
    assert deliver_outbox(engine, settings, now=NOW + CLAIM - timedelta(seconds=1)) == Delivery()
    assert deliver_outbox(engine, settings, now=NOW + CLAIM) == Delivery(sent=1)


def test_without_a_server_mails_become_files(engine: Engine, tmp_path: Path) -> None:
    queue(engine, 2)
    settings = Settings(data_dir=tmp_path)
    assert deliver_outbox(engine, settings, now=NOW) == Delivery(sent=2)
    files = sorted(path.name[:9] for path in settings.outbox_dir.glob("*.eml"))
    assert files == ["00000001-", "00000002-"]
    with reading(engine) as session:
        assert count_mails(session) == {"sent": 2}


def test_one_holder_leads_until_its_lease_ends_or_is_given_back(engine: Engine) -> None:
    def take(holder: str, seconds: int) -> bool:
        with unit_of_work(engine) as session:
            return hold_lease(
                session, name="scheduler", holder=holder, now=NOW + timedelta(seconds=seconds), seconds=90
            )

    assert [take("a", 0), take("b", 1), take("a", 60), take("b", 149), take("b", 150), take("a", 151)] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    with unit_of_work(engine) as session:
        release_lease(session, name="scheduler", holder="a", now=NOW + timedelta(seconds=152))
        release_lease(session, name="scheduler", holder="b", now=NOW + timedelta(seconds=153))
    assert take("a", 153)
