"""Telling people: a notice in the feed once, a mail per reader through the outbox; marking as done."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.notices.mail import (
    Attachment,
    DigestLine,
    NoticeText,
    render_digest,
    render_notice,
    render_reply_line,
)
from operator_qos.notices.models import (
    DigestItem,
    JobLease,
    Notice,
    NoticePreference,
    NoticeRead,
    OutboxMail,
    PendingNotice,
)
from operator_qos.notices.queries import (
    NoticeRow,
    Reader,
    Recipient,
    count_unread,
    find_recipient,
    is_visible,
    list_digest_notices,
    list_notices,
    list_own_words,
    list_recipients,
)
from operator_qos.notices.replies import ReplyPlan, find_reply
from operator_qos.notices.rules import (
    DAY_MINUTES,
    DIGEST,
    GROUPS,
    LINK_KEY,
    NOW,
    WAYS,
    Preferences,
    find_due,
    find_next,
    find_send_at,
)

KEY_LENGTH = 200


class PreferenceError(ValueError):
    """How somebody wants to be told cannot be kept; `field` says where, the text what to write."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True)
class Telling:
    """What is told in mails: in the operator's own words where there are any, by language."""

    key: str
    topic: str
    data: Mapping[str, Any]
    link: str
    own_words: Mapping[str, str]


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
    settle_until: datetime | None = None,
) -> bool:
    """Tell a seller's people (or, without a seller, the staff the topic concerns) once; does not commit.

    `key` names what it is about: a second call with it does nothing and returns False. `link` is a path of
    the site. Every active reader hears of it in their language and as they chose: by a mail, in their daily one,
    or in the feed alone. `reply`: what an answer to it does.

    With `settle_until` after now nobody is told before; until then a second call with the key replaces what will be
    told, and `withdraw_notice` takes it back. What settles cannot be answered by mail.
    """
    key = shorten_key(key)
    if settle_until is not None and settle_until > now:
        return _keep_until_settled(session, key, now=settle_until, seller_id=seller_id, shop_id=shop_id, topic=topic,
                                   data=dict(data), link=link)
    row = {
        "key": key,
        "seller_id": seller_id,
        "shop_id": shop_id,
        "topic": topic,
        "data": dict(data),
        "link": link,
        "created_at": now,
    }
    notice_id = session.scalar(_insert_once(session, Notice, row).returning(Notice.id))
    if notice_id is None:
        return False
    told = Telling(key, topic, data, link, list_own_words(session, topic))
    for reader in list_recipients(session, seller_id=seller_id, topic=topic):
        way = reader.preferences.way_of(topic)
        if way == NOW:
            session.add(_to_mail(session, told, reader, reply=reply, now=now))
        elif way == DIGEST:
            due_at = find_next(reader.preferences.digest_minute, reader.preferences.zone, now=now)
            session.add(DigestItem(notice_id=notice_id, user_id=reader.user_id, due_at=due_at))
    session.flush()
    return True


def _keep_until_settled(session: Session, key: str, *, now: datetime, **told: Any) -> bool:
    """Keep what is told at `now`, in place of what was kept under its key; False: it was told already."""
    if session.scalar(select(Notice.id).where(Notice.key == key)) is not None:
        return False
    row = session.get(PendingNotice, key) or PendingNotice(key=key)
    for name, value in {**told, "settles_at": now}.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return True


def withdraw_notice(session: Session, *, key: str) -> bool:
    """Tell nobody what has not settled yet; False: nothing waits under the key, it may have been told. No commit."""
    gone = session.execute(delete(PendingNotice).where(PendingNotice.key == shorten_key(key))
                           .returning(PendingNotice.key))
    return gone.scalar() is not None


def tell_settled(session: Session, *, key: str, now: datetime) -> bool:
    """Tell one thing that has settled; False: somebody else did, or it was taken back. Does not commit."""
    gone = session.execute(
        delete(PendingNotice).where(PendingNotice.key == key, PendingNotice.settles_at <= now)
        .returning(PendingNotice.seller_id, PendingNotice.shop_id, PendingNotice.topic, PendingNotice.data,
                   PendingNotice.link)).one_or_none()
    return gone is not None and announce(session, key=key, now=now, **gone._mapping)


def send_digest(session: Session, *, user_id: int, now: datetime) -> bool:
    """Put a person's daily mail in the outbox, about everything that is due; False: nothing was. Does not commit."""
    person, notices = find_recipient(session, user_id), list_digest_notices(session, user_id, now=now)
    gone = session.execute(delete(DigestItem).where(
        DigestItem.user_id == user_id, DigestItem.due_at <= now).returning(DigestItem.notice_id)).all()
    if person is None or not gone:
        return False
    taken = {row.notice_id for row in gone}
    lines = [_to_line(session, row, person) for row in notices if row.id in taken]
    text = render_digest(lines, language=person.language, name=person.name)
    session.add(OutboxMail(
        key=shorten_key(f"digest:{user_id}:{min(taken)}"), recipient=person.email, subject=text.subject, body=text.body,
        state="waiting", attempts=0, next_attempt_at=find_send_at(person.preferences, "digest", now=now, due_at=None),
        error=""))
    session.flush()
    return True


def _to_line(session: Session, row: NoticeRow, person: Recipient) -> DigestLine:
    own = list_own_words(session, row.topic).get(person.language, "")
    said = render_notice(row.topic, row.data, language=person.language, name=person.name, link=row.link, own_words=own)
    return DigestLine(said.subject, row.link, row.created_at.astimezone(ZoneInfo(person.preferences.zone)))


def save_preferences(session: Session, *, user_id: int, chosen: Preferences, now: datetime) -> None:
    """Keep how a person wants to be told from now on. Raises PreferenceError. Does not commit."""
    _check(chosen)
    row = session.get(NoticePreference, user_id) or NoticePreference(user_id=user_id)
    row.ways = {group: way for group, way in chosen.ways.items() if way != NOW}
    row.digest_minute, row.zone, row.changed_at = chosen.digest_minute, chosen.zone, now
    row.quiet_from, row.quiet_to = chosen.quiet_from, chosen.quiet_to
    session.add(row)
    session.flush()


def _check(chosen: Preferences) -> None:
    if set(chosen.ways) - set(GROUPS) or set(chosen.ways.values()) - set(WAYS):
        raise PreferenceError("ways", f"{dict(chosen.ways)}: groups are {', '.join(GROUPS)}, ways {', '.join(WAYS)}")
    minutes = [chosen.digest_minute, *(part for part in (chosen.quiet_from, chosen.quiet_to) if part is not None)]
    if any(not 0 <= minute < DAY_MINUTES for minute in minutes):
        raise PreferenceError("time", "a time of day lies between 00:00 and 23:59")
    if (chosen.quiet_from is None) != (chosen.quiet_to is None):
        raise PreferenceError("quiet", "quiet hours need a beginning and an end, or neither")
    if chosen.zone not in available_timezones():
        raise PreferenceError("zone", f"{chosen.zone!r} is no time zone; write it like Europe/Paris")


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


def send_link(session: Session, *, key: str, recipient: str, text: NoticeText, now: datetime) -> None:
    """Put a mail with a link in the outbox, in place of those with the same key that have not left. Does not commit.

    The text is deleted once the mail is delivered.
    """
    start = f"{LINK_KEY}{key}:"
    session.execute(delete(OutboxMail).where(OutboxMail.key.startswith(start), OutboxMail.state != "sent"))
    send_back(session, key=start + secrets.token_hex(8), recipient=recipient, text=text, now=now)


def send_file(
    session: Session, *, key: str, recipient: str, text: NoticeText, attachment: Attachment | None, now: datetime
) -> bool:
    """Put one mail with a file in the outbox; False: it was put there before. Does not commit."""
    row: dict[str, Any] = {
        "key": shorten_key(key), "recipient": recipient, "subject": text.subject, "body": text.body, "state": "waiting",
        "attempts": 0, "next_attempt_at": now, "error": ""}
    if attachment is not None:
        row |= {"attachment": attachment.content, "attachment_name": attachment.name[:120],
                "attachment_type": attachment.media_type}
    return session.scalar(_insert_once(session, OutboxMail, row).returning(OutboxMail.id)) is not None


def _to_mail(
    session: Session, told: Telling, reader: Recipient, *, reply: ReplyPlan | None, now: datetime
) -> OutboxMail:
    text = render_notice(told.topic, told.data, language=reader.language, name=reader.name, link=told.link,
                         own_words=told.own_words.get(reader.language, ""))
    mail = OutboxMail(
        key=f"{told.key}:{reader.user_id}",
        recipient=reader.email,
        subject=text.subject,
        body=text.body,
        state="waiting",
        attempts=0,
        next_attempt_at=find_send_at(reader.preferences, told.topic, now=now, due_at=find_due(told.data)),
        error="",
    )
    if reply is not None:
        mail.reply_id = find_reply(session, reply, user_id=reader.user_id, now=now).id
        mail.reply_line = render_reply_line(reply.action, reply.recipients, language=reader.language)
    return mail


def _insert_once(session: Session, model: type[Any], row: Mapping[str, Any]) -> Any:
    """An insert that does nothing where the key stands already, also by a transaction just ending."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(model).values(**row).on_conflict_do_nothing()
