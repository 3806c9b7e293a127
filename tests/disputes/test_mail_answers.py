"""Answers by mail, from our mail over a real server back into the thread; and everything that is not taken."""

from __future__ import annotations

import json
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from click.testing import CliRunner
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from operator_qos.accounts.models import User
from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.db import reading, unit_of_work
from operator_qos.disputes import service
from operator_qos.disputes.acting import Actor
from operator_qos.disputes.buyer.links import create_link, make_reply_address, revoke
from operator_qos.disputes.mailing.answers import plan_reply
from operator_qos.disputes.mailing.parsing import UnreadableMail, read_mail
from operator_qos.disputes.mailing.receiving import Received, receive_mail
from operator_qos.disputes.models import Dispute, DisputeAttachment, DisputeMessage, ReceivedMail
from operator_qos.events.models import Event
from operator_qos.notices.jobs import deliver_outbox
from operator_qos.notices.models import OutboxMail, ReplyAddress
from operator_qos.notices.replies import find_reply, sign_reply, to_address
from operator_qos.settings import Settings
from scoring.events import RANKS
from tests.disputes.test_pages import HOUR, _open_case, _tell
from tests.disputes.test_pages import _event as event_of
from tests.web.fixtures import NOW, OTHER_SELLER, PEOPLE, app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
BUYER, SELLER = Actor("buyer", "buyer"), Actor("seller", "claire@morvan.example")
ROSA = Actor("mediator", "rosa@mediators.example")
CLAIRE, YANN = PEOPLE["seller_owner"][0], PEOPLE["seller_staff"][0]
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000"
                    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082")


class Post:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # aiosmtpd's name
        self.got.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextmanager
def post_office() -> Iterator[tuple[Post, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield post, port
    finally:
        controller.stop()


@pytest.fixture
def taking(site_settings: Settings) -> Settings:
    return replace(site_settings, reply_address="reply@qos.example", mail_from="QoS <qos@operator.example>")


@pytest.fixture
def dispute(app: Flask, engine: Engine) -> int:
    return _open_case(engine, "D-1", 20)


def _address(
    engine: Engine, taking: Settings, dispute: int, email: str = CLAIRE, *, topic: str = "dispute_opened",
    staff: bool = False, by: str = "", now: datetime = NOW,
) -> str:
    """The Reply-To of a notice to somebody."""
    with unit_of_work(engine) as session:
        user_id = session.scalars(select(User.id).where(User.email == email)).one()
        plan = plan_reply(dispute, topic, {"by": by}, staff=staff)
        row = find_reply(session, plan, user_id=user_id, now=now)
        return to_address(taking.reply_address, sign_reply(row, secret=taking.secret_key))


def _mail(to: str, text: str = "It is on its way.", sender: str = CLAIRE, **heads: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, "Re: your case"
    mail["Message-ID"] = "<1@mail.example>"
    for name, value in heads.items():
        del mail[name.replace("_", "-")]
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


def _rows(engine: Engine) -> list[tuple[str, str, list[str]]]:
    """(side, text, readers) of what was written here."""
    with reading(engine) as session:
        rows = session.scalars(select(DisputeMessage).order_by(DisputeMessage.id)).all()
        texts = {event.event_id: event for event in session.scalars(
            select(Event).where(Event.type_rank == RANKS["message.sent"]))}
        assert all(row.event_id is None or row.event_id in texts for row in rows)
        return [(row.side, row.body, list(row.recipients)) for row in rows]


def _backs(engine: Engine) -> list[OutboxMail]:
    with reading(engine) as session:
        found = list(session.scalars(select(OutboxMail).where(OutboxMail.key.like("mail-back:%"))))
        session.expunge_all()
        return found


def test_an_answer_goes_round_over_two_servers_into_the_thread(
    app: Flask, engine: Engine, taking: Settings, dispute: int
) -> None:
    with unit_of_work(engine) as session:
        service.write_message(session, dispute_id=dispute, text="Where is it?", to=("seller",), token="q", actor=BUYER,
                              now=NOW)
    with post_office() as (out, port):
        sent = deliver_outbox(engine, replace(taking, smtp_host="127.0.0.1", smtp_port=port), now=NOW)
    assert sent.sent == 2
    ours = {to[0]: message_from_bytes(content, policy=default) for to, content in out.got}
    assert ours[CLAIRE]["Reply-To"] != ours[YANN]["Reply-To"]
    told = ours[YANN].get_content()
    assert told.startswith("## Write your answer above this line. Who reads it: the buyer. ##")
    answer = _mail(str(ours[YANN]["Reply-To"]), "Sent on Monday.\n\nYann\n\n" + "".join(
        f"> {line}\n" for line in told.splitlines()), YANN, In_Reply_To=str(ours[YANN]["Message-ID"]))
    answer.add_attachment(PNG, "image", "png", filename="label.png")
    with post_office() as (back, port):
        with smtplib.SMTP("127.0.0.1", port) as server:
            server.send_message(answer)
        to, content = back.got[0]
    assert receive_mail(engine, taking, content, to=to, now=NOW + HOUR) == Received("taken", "", dispute)
    assert _rows(engine)[-1] == ("seller", "", ["buyer"])
    with reading(engine) as session:
        row = session.get_one(Dispute, dispute)
        file = session.scalars(select(DisputeAttachment)).one()
        message = session.scalars(select(DisputeMessage).order_by(DisputeMessage.id.desc())).first()
        assert (row.state, file.name, file.media_type) == ("in_discussion", "label.png", "image/png")
        assert message is not None
        assert message.author == YANN
    page = _read_thread(app, engine, dispute)
    assert "Sent on Monday." in page
    assert "Write your answer above" not in page


def _read_thread(app: Flask, engine: Engine, dispute: int) -> str:
    from tests.web.fixtures import sign_in

    return sign_in(app, "admin").get(f"/operator/disputes/{dispute}").text


@pytest.mark.parametrize(("topic", "by", "staff", "state", "done"), [
    ("dispute_opened", "", False, "opened", ("answer", ("buyer",))),
    ("dispute_reminder", "", False, "opened", ("answer", ("buyer",))),
    ("dispute_reminder", "", False, "evidence_asked", ("give_evidence", ("staff",))),
    ("dispute_message", "buyer", False, "opened", ("answer", ("buyer",))),
    ("dispute_message", "mediator", False, "assigned", ("write", ("staff",))),
    ("evidence_asked", "", False, "evidence_asked", ("give_evidence", ("staff",))),
    ("dispute_decided", "", False, "decided", ("write", ("staff",))),
    ("dispute_message", "seller", True, "assigned", ("write", ("seller",))),
    ("dispute_message", "buyer", True, "assigned", ("write", ("buyer",))),
    ("dispute_escalated", "buyer", True, "assigned", ("note", ())),
])
def test_who_reads_an_answer_follows_from_the_notice(
    topic: str, by: str, staff: bool, state: str, done: tuple[str, tuple[str, ...]]
) -> None:
    plan = plan_reply(7, topic, {"by": by}, staff=staff, state=state)
    assert (plan.action, plan.recipients, plan.about) == (*done, "dispute:7")


def test_the_same_mail_again_changes_nothing(engine: Engine, taking: Settings, dispute: int) -> None:
    content = _mail(_address(engine, taking, dispute)).as_bytes()
    found = [receive_mail(engine, taking, content, now=NOW + number * HOUR).state for number in range(3)]
    assert found == ["taken", "repeated", "repeated"]
    assert len(_rows(engine)) == 1
    other = _mail(_address(engine, taking, dispute), Message_ID="<2@mail.example>").as_bytes()
    assert receive_mail(engine, taking, other, now=NOW + 5 * HOUR).state == "taken"
    assert len(_rows(engine)) == 2


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("heads", [
    {"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"X_Autoreply": "yes"}, {"List_Id": "<x.example>"},
    {"Return_Path": "<>"}, {"From": "MAILER-DAEMON@mail.example"}])
def test_what_machines_send_is_ignored_and_not_answered(
    engine: Engine, taking: Settings, dispute: int, heads: dict[str, str]
) -> None:
    mail = _mail(_address(engine, taking, dispute), **heads)
    assert receive_mail(engine, taking, mail.as_bytes(), now=NOW) == Received("ignored", "automatic")
    assert (_rows(engine), _backs(engine)) == ([], [])


def _forge(address: str) -> str:
    """One letter of the signature changed."""
    at = address.index("@") - 3
    return address[:at] + ("a" if address[at] != "a" else "b") + address[at + 1 :]


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_not_the_recipients_own_is_set_aside_and_explained(
    engine: Engine, taking: Settings, dispute: int
) -> None:
    address = _address(engine, taking, dispute)
    wrong = {
        "unknown": _mail(_forge(address), Message_ID="<u@x>"),
        "foreign": _mail(address, sender=OTHER_SELLER[0], Message_ID="<f@x>"),
        "empty": _mail(address, "> only ours", Message_ID="<e@x>"),
        "long": _mail(address, "x" * 5_001, Message_ID="<l@x>", From="Claire <CLAIRE@morvan.example>"),
    }
    for reason, mail in wrong.items():
        assert receive_mail(engine, taking, mail.as_bytes(), now=NOW).reason == reason
    assert _rows(engine) == []
    told = {mail.recipient: mail for mail in _backs(engine)}
    assert set(told) == {CLAIRE, OTHER_SELLER[0]}
    assert "D-1" not in told[OTHER_SELLER[0]].subject + told[OTHER_SELLER[0]].body  # strangers learn of no dispute
    with reading(engine) as session:
        kept = {row.reason: row for row in session.scalars(select(ReceivedMail))}
        assert {row.state for row in kept.values()} == {"set_aside"}
        assert (kept["foreign"].dispute_id, kept["foreign"].body) == (None, "It is on its way.")
        assert kept["long"].dispute_id == dispute


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_address_ends_after_sixty_days_and_when_it_is_taken_back(
    engine: Engine, taking: Settings, dispute: int
) -> None:
    address = _address(engine, taking, dispute)
    late = _mail(address).as_bytes()
    assert receive_mail(engine, taking, late, now=NOW + timedelta(days=60)).reason == "expired"
    with unit_of_work(engine) as session:
        session.execute(update(ReplyAddress).values(revoked_at=NOW))
    assert receive_mail(engine, taking, _mail(address, Message_ID="<9@x>").as_bytes(), now=NOW).reason == "expired"
    fresh = _address(engine, taking, dispute)
    assert fresh != address
    assert _address(engine, taking, dispute) == fresh  # one address serves until it would end too soon
    assert _address(engine, taking, dispute, now=NOW + timedelta(days=31)) != fresh
    # A mail server may change the case of letters.
    assert receive_mail(engine, taking, _mail(fresh.upper(), Message_ID="<8@x>").as_bytes(), now=NOW).state == "taken"


@pytest.mark.parametrize("database", ["sqlite"])
def test_somebody_who_left_the_company_answers_no_more(engine: Engine, taking: Settings, dispute: int) -> None:
    address = _address(engine, taking, dispute, YANN)
    with unit_of_work(engine) as session:
        session.execute(update(User).where(User.email == YANN).values(active=False))
    assert receive_mail(engine, taking, _mail(address, sender=YANN).as_bytes(), now=NOW).reason == "foreign"


@pytest.mark.parametrize("database", ["sqlite"])
def test_proof_by_mail_counts_as_proof_and_later_words_go_to_the_mediator(
    engine: Engine, taking: Settings, dispute: int
) -> None:
    _tell(engine, event_of("case.escalated", "D-1", NOW - 5 * HOUR, "morvan-fr", {"by": "buyer"}))
    with unit_of_work(engine) as session:
        rosa = Actor("mediator", ROSA.name, session.scalars(select(User.id).where(User.email == ROSA.name)).one())
        service.take_case(session, dispute_id=dispute, actor=rosa, now=NOW)
        service.ask_evidence(session, dispute_id=dispute, actor=rosa, now=NOW)
    address = _address(engine, taking, dispute, topic="evidence_asked")
    assert receive_mail(engine, taking, _mail(address, "Signed for.").as_bytes(), now=NOW + HOUR).state == "taken"
    with reading(engine) as session:
        assert session.get_one(Dispute, dispute).state == "assigned"
    more = _mail(address, "And a photo.", Message_ID="<2@x>")
    assert receive_mail(engine, taking, more.as_bytes(), now=NOW + 2 * HOUR).state == "taken"
    assert [row[2] for row in _rows(engine)] == [["staff"], ["staff"]]
    to_rosa = _address(engine, taking, dispute, ROSA.name, topic="dispute_message", by="seller", staff=True)
    mine = _mail(to_rosa, "Thank you.", ROSA.name, Message_ID="<3@x>")
    assert receive_mail(engine, taking, mine.as_bytes(), now=NOW + 3 * HOUR).state == "taken"
    assert _rows(engine)[-1][::2] == ("staff", ["seller"])
    with unit_of_work(engine) as session:
        service.declare_conflict(session, dispute_id=dispute, actor=rosa, now=NOW + 4 * HOUR)
    after = _mail(to_rosa, "One more.", ROSA.name, Message_ID="<4@x>")
    assert receive_mail(engine, taking, after.as_bytes(), now=NOW + 5 * HOUR).reason == "desk"


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_file_that_is_refused_leaves_neither_message_nor_file(
    engine: Engine, taking: Settings, dispute: int
) -> None:
    mail = _mail(_address(engine, taking, dispute))
    mail.add_attachment(PNG, "image", "png", filename="fine.png")
    mail.add_attachment(b"MZ\x90\x00\x03", "image", "png", filename="bad.png")
    assert receive_mail(engine, taking, mail.as_bytes(), now=NOW).reason == "file_type"
    folder = taking.data_dir / "attachments"
    assert _rows(engine) == []
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_closed_dispute_takes_no_more_and_says_so(engine: Engine, taking: Settings, dispute: int) -> None:
    with unit_of_work(engine) as session:
        service.withdraw(session, dispute_id=dispute, actor=BUYER, now=NOW)
    address = _address(engine, taking, dispute)
    done = receive_mail(engine, taking, _mail(address).as_bytes(), now=NOW + HOUR)
    assert done == Received("set_aside", "closed", dispute)
    assert "D-1" in _backs(engine)[0].subject


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_sender_is_told_three_times_a_day_at_most(engine: Engine, taking: Settings, dispute: int) -> None:
    address = _forge(_address(engine, taking, dispute))
    for number in range(6):
        receive_mail(engine, taking, _mail(address, Message_ID=f"<{number}@x>").as_bytes(), now=NOW)
    assert len(_backs(engine)) == 3
    receive_mail(engine, taking, _mail(address, Message_ID="<7@x>").as_bytes(), now=NOW + timedelta(days=1, seconds=1))
    assert len(_backs(engine)) == 4


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_buyer_answers_by_mail_and_contact_data_is_hidden_from_the_seller(
    app: Flask, engine: Engine, taking: Settings, dispute: int
) -> None:
    from tests.web.fixtures import sign_in

    with unit_of_work(engine) as session:
        link = create_link(session, dispute_id=dispute, language="fr", actor=Actor("operator", "key"), now=NOW)
        link_id = link.id
        address = make_reply_address(session, link, email="Lea@mail.example", settings=taking, now=NOW)
        kept = [str(value) for row in session.scalars(select(ReplyAddress)) for value in vars(row).values()]
        assert not any("lea" in value.lower() for value in kept)
    mail = _mail(address, "Call me: 06 12 34 56 78", "lea@mail.example")
    assert receive_mail(engine, taking, mail.as_bytes(), now=NOW).state == "taken"
    assert _rows(engine)[-1] == ("buyer", "", ["seller"])
    seen = sign_in(app, "seller_owner").get(f"/seller/disputes/{dispute}").text
    assert "Call me: […]" in seen
    assert "06 12 34" not in seen
    with unit_of_work(engine) as session:
        revoke(session, dispute_id=dispute, link_id=link_id, now=NOW)
    again = _mail(address, sender="lea@mail.example", Message_ID="<2@x>")
    assert receive_mail(engine, taking, again.as_bytes(), now=NOW).reason == "expired"


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_command_takes_a_mail_from_standard_input(
    engine: Engine, taking: Settings, dispute: int
) -> None:
    content = _mail("somebody@else.example").as_bytes()
    context = Context(taking, engine, clock=lambda: NOW)
    to = _address(engine, taking, dispute)
    done = CliRunner().invoke(main, ["mail", "receive", "--to", to, "--json"], obj=context, input=content)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"state": "taken", "reason": "", "dispute_id": dispute}
    off = Context(replace(taking, reply_address=""), engine, clock=lambda: NOW)
    refused = CliRunner().invoke(main, ["mail", "receive"], obj=off, input=content)
    assert refused.exit_code == 1
    assert "OPERATOR_QOS_REPLY_ADDRESS" in refused.stderr


@pytest.mark.parametrize("database", ["sqlite"])
def test_without_an_address_for_answers_mails_carry_none(engine: Engine, site_settings: Settings, dispute: int) -> None:
    with unit_of_work(engine) as session:
        service.write_message(session, dispute_id=dispute, text="?", to=("seller",), token="q", actor=BUYER, now=NOW)
    with post_office() as (out, port):
        deliver_outbox(engine, replace(site_settings, smtp_host="127.0.0.1", smtp_port=port), now=NOW)
    assert len(out.got) == 2
    for _, content in out.got:
        mail = message_from_bytes(content, policy=default)
        assert mail["Reply-To"] is None
        assert "##" not in mail.get_content()


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("content", [
    b"", b"\n\n", b"\x00\xff\xfe", b"no head at all", b"From: =?x?q?=\nTo: <<<>>>\n\nhello",
    b"Content-Type: multipart/mixed\n\nx",
    b"From: a@b.example\nContent-Type: text/plain; charset=nonsense\n\nx",
    b"From: a@b.example\n" + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(60)),
    b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 150 + b"--b--\n",
])
def test_what_can_hardly_be_read_is_set_aside(engine: Engine, taking: Settings, world: Engine, content: bytes) -> None:
    assert receive_mail(engine, taking, content, now=NOW).state == "set_aside"
    assert receive_mail(engine, taking, content, now=NOW).state == "repeated"


@given(st.binary(max_size=400), st.lists(st.sampled_from([
    b"From: a@b.example", b"Subject: =?utf-8?q?=ff?=", b"Content-Type: multipart/alternative; boundary=x", b"--x", b"",
    b"Content-Disposition: attachment; filename*=utf-8''%ff", b"Content-Transfer-Encoding: base64", b"To: \xff\xfe",
    b"Content-Type: text/html", b"Message-ID: <\xe9>"]), max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_mail_stops_the_reader(noise: bytes, lines: list[bytes]) -> None:
    try:
        mail = read_mail(b"\n".join([*lines, noise]))
    except UnreadableMail:
        return
    assert len(mail.key) == 64
    assert mail.sender.isprintable()
    assert mail.subject.isprintable()


@pytest.mark.parametrize("database", ["sqlite"])
def test_nothing_is_counted_that_was_not_taken(engine: Engine, taking: Settings, dispute: int) -> None:
    with reading(engine) as session:
        before = session.scalar(select(func.count(Event.seq)))
    receive_mail(engine, taking, _mail(_forge(_address(engine, taking, dispute))).as_bytes(), now=NOW)
    with reading(engine) as session:
        assert session.scalar(select(func.count(Event.seq))) == before
