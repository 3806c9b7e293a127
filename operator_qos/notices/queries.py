"""Reading notices and the state of the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, null, or_, select
from sqlalchemy import func as sql
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.notices.models import (
    DigestItem,
    MailText,
    Notice,
    NoticePreference,
    NoticeRead,
    OutboxMail,
    PendingNotice,
)
from operator_qos.notices.rules import Preferences
from operator_qos.sellers.models import Marketplace, Seller, Shop

MEDIATOR_TOPICS = ("dispute_%", "evidence_%", "mediation_%")
MEDIATOR_ROLES = ("mediator",)
# About the installation itself: nobody but administrators acts on it.
ADMIN_TOPICS = ("audit_anchor",)


@dataclass(frozen=True)
class Reader:
    """Who reads: sellers their company's notices, mediators those on disputes, operators all of the staff."""

    user_id: int
    role: str
    seller_id: int | None


@dataclass(frozen=True)
class NoticeRow:
    """One notice in a feed; `read_at` None while the reader has not marked it as done."""

    id: int
    seller_id: int | None
    shop_id: int | None
    topic: str
    data: Mapping[str, Any]
    link: str
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class Recipient:
    """A person who is told, and how they want it."""

    user_id: int
    email: str
    name: str
    language: str
    preferences: Preferences = field(default_factory=Preferences)


@dataclass(frozen=True)
class MailRow:
    """One mail of the outbox; `state` is waiting, sent or dead."""

    id: int
    recipient: str
    subject: str
    state: str
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    error: str


@dataclass(frozen=True)
class ToldCompany:
    """A company that was told of something: when, what became of each mail, and who marked the notice as done."""

    seller_id: int
    seller: str
    told_at: datetime
    mails: tuple[MailRow, ...]
    done_by: tuple[str, ...]


def list_told(session: Session, *, key_start: str, limit: int | None = None, offset: int = 0) -> list[ToldCompany]:
    """The companies told by notices whose keys begin so, by name."""
    query = select(Notice.id, Notice.key, Notice.created_at, Seller.id, Seller.name).join(
        Seller, Seller.id == Notice.seller_id).where(Notice.key.startswith(key_start, autoescape=True))
    rows = session.execute(query.order_by(Seller.name, Seller.id).limit(limit).offset(offset)).all()
    mails = _list_mails_of(session, [row.key for row in rows])
    done: dict[int, list[str]] = {}
    for notice_id, name in session.execute(select(NoticeRead.notice_id, User.name).join(
            User, User.id == NoticeRead.user_id).where(NoticeRead.notice_id.in_([row[0] for row in rows]))):
        done.setdefault(notice_id, []).append(name)
    return [ToldCompany(row[3], row[4], row.created_at, tuple(mails.get(row.key, ())), tuple(done.get(row[0], ())))
            for row in rows]


def count_told(session: Session, *, key_start: str) -> int:
    """How many companies were told by notices whose keys begin so."""
    wanted = select(sql.count(Notice.id)).where(Notice.key.startswith(key_start, autoescape=True))
    return session.scalar(wanted) or 0


def _list_mails_of(session: Session, keys: Sequence[str]) -> dict[str, list[MailRow]]:
    """The mails of each notice; their keys are the notice's with the reader's number."""
    columns = [getattr(OutboxMail, name) for name in MailRow.__dataclass_fields__]
    found: dict[str, list[MailRow]] = {}
    if keys:
        begun = or_(*(OutboxMail.key.startswith(f"{key}:", autoescape=True) for key in keys))
        for key, *row in session.execute(select(OutboxMail.key, *columns).where(begun).order_by(OutboxMail.id)):
            found.setdefault(key.rpartition(":")[0], []).append(MailRow(*row))
    return found


def list_notices(
    session: Session, reader: Reader, *, unread_only: bool = False, limit: int = 50
) -> list[NoticeRow]:
    """The reader's notices, newest first."""
    columns = (
        Notice.id,
        Notice.seller_id,
        Notice.shop_id,
        Notice.topic,
        Notice.data,
        Notice.link,
        Notice.created_at,
    )
    wanted = _join_reads(select(*columns, NoticeRead.read_at), reader)
    if unread_only:
        wanted = wanted.where(NoticeRead.read_at.is_(None))
    return [
        NoticeRow(*row)
        for row in session.execute(wanted.order_by(Notice.created_at.desc(), Notice.id.desc()).limit(limit))
    ]


def count_unread(session: Session, reader: Reader) -> int:
    """How many of the reader's notices are not marked as done."""
    wanted = _join_reads(select(sql.count(Notice.id)), reader).where(NoticeRead.read_at.is_(None))
    return session.scalar(wanted) or 0


def list_recipients(session: Session, *, seller_id: int | None, topic: str) -> list[Recipient]:
    """The active people of a seller, or, without one, the staff that the topic concerns; by number."""
    mine = User.seller_id == seller_id if seller_id is not None else _is_staff_for(topic)
    rows = session.execute(_recipients().where(mine).order_by(User.id))
    return [_to_recipient(row) for row in rows]


def find_recipient(session: Session, user_id: int) -> Recipient | None:
    """One person; None once their account is closed."""
    row = session.execute(_recipients().where(User.id == user_id)).one_or_none()
    return None if row is None else _to_recipient(row)


def get_preferences(session: Session, user_id: int) -> Preferences:
    """How a person wants to be told; without a choice of theirs, everything at once, on their company's clock."""
    columns = [getattr(NoticePreference, name) for name in Preferences.__dataclass_fields__]
    row = session.execute(select(*columns).where(NoticePreference.user_id == user_id)).one_or_none()
    return Preferences(zone=_guess_zone(session, user_id)) if row is None else Preferences(*row)


def _guess_zone(session: Session, user_id: int) -> str:
    """The zone of the first marketplace a person's company sells on; for the staff, of the first there is."""
    seller_id = session.scalar(select(User.seller_id).where(User.id == user_id))
    places = select(Marketplace.timezone).order_by(Marketplace.id)
    if seller_id is not None:
        places = places.join(Shop, Shop.marketplace_id == Marketplace.id).where(Shop.seller_id == seller_id)
    return session.scalars(places.limit(1)).first() or "UTC"


def _recipients() -> Select[Any]:
    chosen = [getattr(NoticePreference, name) for name in Preferences.__dataclass_fields__]
    people = select(User.id, User.email, User.name, User.language, *chosen).where(User.active)
    return people.outerjoin(NoticePreference, NoticePreference.user_id == User.id)


def _to_recipient(row: Row[Any]) -> Recipient:
    user_id, email, name, language, *chosen = tuple(row)
    return Recipient(user_id, email, name, language, Preferences() if chosen[0] is None else Preferences(*chosen))


def list_due_digests(session: Session, *, now: datetime) -> list[int]:
    """The people whose daily mail is due."""
    return list(session.scalars(select(DigestItem.user_id).where(DigestItem.due_at <= now).distinct()
                                .order_by(DigestItem.user_id)))


def list_digest_notices(session: Session, user_id: int, *, now: datetime) -> list[NoticeRow]:
    """What a person's daily mail tells, in the order it happened."""
    columns = (Notice.id, Notice.seller_id, Notice.shop_id, Notice.topic, Notice.data, Notice.link, Notice.created_at)
    due = select(*columns, null()).join(DigestItem, DigestItem.notice_id == Notice.id).where(
        DigestItem.user_id == user_id, DigestItem.due_at <= now)
    return [NoticeRow(*row) for row in session.execute(due.order_by(Notice.created_at, Notice.id))]


@dataclass(frozen=True)
class PendingRow:
    """What will be told once it has settled."""

    key: str
    data: Mapping[str, Any]
    settles_at: datetime


def list_pending(session: Session, *, topic: str, shop_id: int) -> list[PendingRow]:
    """What a shop will be told of a topic, in the order in which it settles."""
    mine = (PendingNotice.topic == topic, PendingNotice.shop_id == shop_id)
    rows = session.execute(select(PendingNotice.key, PendingNotice.data, PendingNotice.settles_at).where(*mine)
                           .order_by(PendingNotice.settles_at, PendingNotice.key))
    return [PendingRow(*row) for row in rows]


def list_settled_keys(session: Session, *, now: datetime, limit: int) -> list[str]:
    """What has settled and is to be told now."""
    due = select(PendingNotice.key).where(PendingNotice.settles_at <= now)
    return list(session.scalars(due.order_by(PendingNotice.settles_at, PendingNotice.key).limit(limit)))


def list_own_words(session: Session, topic: str) -> dict[str, str]:
    """The operator's own text of a topic by language, where the last version has one."""
    rows = session.execute(select(MailText.language, MailText.text).where(MailText.topic == topic)
                           .order_by(MailText.version))
    return {language: text for language, text in {row[0]: row[1] for row in rows}.items() if text}


def count_mails(session: Session) -> dict[str, int]:
    """Number of mails by state."""
    rows = session.execute(select(OutboxMail.state, sql.count()).group_by(OutboxMail.state))
    return {state: count for state, count in rows}  # noqa: C416  # rows are no plain pairs


def list_mails(session: Session, *, state: str, limit: int = 100) -> list[MailRow]:
    """Mails in a state, newest first; `dead` ones need somebody's attention."""
    columns = [getattr(OutboxMail, name) for name in MailRow.__dataclass_fields__]
    rows = session.execute(
        select(*columns).where(OutboxMail.state == state).order_by(OutboxMail.id.desc()).limit(limit)
    )
    return [MailRow(*row) for row in rows]


def list_due_mail_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Waiting mails whose next attempt is due, the longest waiting first."""
    due = select(OutboxMail.id).where(OutboxMail.state == "waiting", OutboxMail.next_attempt_at <= now)
    return list(session.scalars(due.order_by(OutboxMail.next_attempt_at, OutboxMail.id).limit(limit)))


def is_visible(session: Session, reader: Reader, notice_id: int) -> bool:
    """Whether a notice is one of the reader's."""
    return session.scalar(select(Notice.id).where(Notice.id == notice_id, _visible_to(reader))) is not None


def is_for_mediators(topic: str) -> bool:
    """Whether a staff topic concerns the mediators rather than the operators."""
    return topic.startswith(tuple(pattern.removesuffix("%") for pattern in MEDIATOR_TOPICS))


def _join_reads(wanted: Select[Any], reader: Reader) -> Select[Any]:
    mine = and_(NoticeRead.notice_id == Notice.id, NoticeRead.user_id == reader.user_id)
    return wanted.select_from(Notice).outerjoin(NoticeRead, mine).where(_visible_to(reader))


def _visible_to(reader: Reader) -> ColumnElement[bool]:
    if reader.seller_id is not None:
        return Notice.seller_id == reader.seller_id
    if reader.role in MEDIATOR_ROLES:
        return and_(Notice.seller_id.is_(None), or_(*(Notice.topic.like(topic) for topic in MEDIATOR_TOPICS)))
    return Notice.seller_id.is_(None)


def _is_staff_for(topic: str) -> ColumnElement[bool]:
    if topic in ADMIN_TOPICS:
        return User.role == "admin"
    mediators = User.role.in_(MEDIATOR_ROLES)
    return and_(User.seller_id.is_(None), mediators if is_for_mediators(topic) else ~mediators)


def list_all_own_words(session: Session, language: str) -> dict[str, str]:
    """The operator's own texts in a language, by topic."""
    rows = session.execute(select(MailText.topic, MailText.text).where(MailText.language == language)
                           .order_by(MailText.version))
    return {topic: text for topic, text in {row[0]: row[1] for row in rows}.items() if text}
