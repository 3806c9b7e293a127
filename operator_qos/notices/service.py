"""Telling people: a notice in the feed once, a mail per reader through the outbox; marking as done."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.notices.mail import NoticeText, render_notice, render_reply_line
from operator_qos.notices.models import JobLease, Notice, NoticeRead, OutboxMail
from operator_qos.notices.queries import (
    Reader,
    Recipient,
    count_unread,
    is_visible,
    list_notices,
    list_recipients,
)
from operator_qos.notices.replies import ReplyPlan, find_reply

KEY_LENGTH = 200


def announce(  # noqa: PLR0913  # what is told, to whom, about what
    session: Session,
    *,
    key: str,
    seller_id: int | None,
    shop_id: int | None,
    topic: str,
    data: Mapping[str, Any],
    link: str,
    now: datetime,
    reply: ReplyPlan | None = None,
) -> bool:
    """Tell a seller's people (or, without a seller, the staff the topic concerns) once; does not commit.

    `key` names what it is about: a second call with it does nothing and returns False. `link` is a path of
    the site. Every active reader gets one mail in their language. `reply`: what an answer to it does.
    """
    key = shorten_key(key)
    row = {
        "key": key,
        "seller_id": seller_id,
        "shop_id": shop_id,
        "topic": topic,
        "data": dict(data),
        "link": link,
        "created_at": now,
    }
    if session.scalar(_insert_once(session, Notice, row).returning(Notice.id)) is None:
        return False
    readers = list_recipients(session, seller_id=seller_id, topic=topic)
    mails = [_to_mail(key, reader, topic=topic, data=data, link=link, now=now) for reader in readers]
    if reply is not None:
        for mail, reader in zip(mails, readers, strict=True):
            mail.reply_id = find_reply(session, reply, user_id=reader.user_id, now=now).id
            mail.reply_line = render_reply_line(reply.action, reply.recipients, language=reader.language)
    session.add_all(mails)
    session.flush()
    return True


def shorten_key(key: str) -> str:
    """The key itself, or, where it is longer than the column, its beginning with a digest of the whole."""
    if len(key) <= KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key[: KEY_LENGTH - 33]}~{digest}"


def mark_read(session: Session, reader: Reader, *, notice_id: int, now: datetime) -> bool:
    """Mark one notice of the reader as done, once; False when it is not theirs. Does not commit."""
    if not is_visible(session, reader, notice_id):
        return False
    row = {"notice_id": notice_id, "user_id": reader.user_id, "read_at": now}
    session.execute(_insert_once(session, NoticeRead, row))
    return True


def mark_all_read(session: Session, reader: Reader, *, now: datetime) -> int:
    """Mark everything the reader has not done yet as done; returns how many. Does not commit."""
    unread = list_notices(session, reader, unread_only=True, limit=count_unread(session, reader))
    for notice in unread:
        mark_read(session, reader, notice_id=notice.id, now=now)
    return len(unread)


def hold_lease(session: Session, *, name: str, holder: str, now: datetime, seconds: int) -> bool:
    """Take or keep a lease until `now` + `seconds`; False while another holder has it. Does not commit."""
    until = now + timedelta(seconds=seconds)
    mine = or_(JobLease.holder == holder, JobLease.expires_at <= now)
    kept = session.execute(
        update(JobLease)
        .where(JobLease.name == name, mine)
        .values(holder=holder, expires_at=until)
        .returning(JobLease.name)
    ).scalar()
    if kept is not None:
        return True
    row = {"name": name, "holder": holder, "expires_at": until}
    return session.scalar(_insert_once(session, JobLease, row).returning(JobLease.name)) is not None


def release_lease(session: Session, *, name: str, holder: str, now: datetime) -> None:
    """Let another take the lease at once; nothing when it is not held. Does not commit."""
    session.execute(
        update(JobLease).where(JobLease.name == name, JobLease.holder == holder).values(expires_at=now)
    )


def requeue_mail(session: Session, *, mail_id: int, now: datetime) -> bool:
    """Give a dead mail another round of attempts; False when it is not dead. Does not commit."""
    changed = session.execute(
        update(OutboxMail)
        .where(OutboxMail.id == mail_id, OutboxMail.state == "dead")
        .values(state="waiting", attempts=0, next_attempt_at=now, error="")
        .returning(OutboxMail.id)
    )
    return changed.scalar() is not None


def send_back(session: Session, *, key: str, recipient: str, text: NoticeText, now: datetime) -> bool:
    """Put one mail to an address in the outbox; False: it was put there before. Does not commit."""
    row = {"key": shorten_key(key), "recipient": recipient, "subject": text.subject, "body": text.body,
           "state": "waiting", "attempts": 0, "next_attempt_at": now, "error": ""}
    return session.scalar(_insert_once(session, OutboxMail, row).returning(OutboxMail.id)) is not None


def _to_mail(
    key: str, reader: Recipient, *, topic: str, data: Mapping[str, Any], link: str, now: datetime
) -> OutboxMail:
    text = render_notice(topic, data, language=reader.language, name=reader.name, link=link)
    return OutboxMail(
        key=f"{key}:{reader.user_id}",
        recipient=reader.email,
        subject=text.subject,
        body=text.body,
        state="waiting",
        attempts=0,
        next_attempt_at=now,
        error="",
    )


def _insert_once(session: Session, model: type[Any], row: Mapping[str, Any]) -> Any:
    """An insert that does nothing where the key stands already, also by a transaction just ending."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(model).values(**row).on_conflict_do_nothing()
