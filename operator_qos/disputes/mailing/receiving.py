"""A mail comes back: into the thread as if it had been typed there, or set aside with its reason and explained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parseaddr

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.db import unit_of_work
from operator_qos.disputes import queries
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.desk import Given, perform
from operator_qos.disputes.mailing.answers import find_dispute_id
from operator_qos.disputes.mailing.parsing import Incoming, UnreadableMail, read_mail
from operator_qos.disputes.models import ReceivedMail
from operator_qos.disputes.queries import DisputeRow
from operator_qos.disputes.rules import IllegalAction, find_action
from operator_qos.files import FileError, FileStore, Upload
from operator_qos.notices.mail import NoticeText, render_notice
from operator_qos.notices.models import ReplyAddress
from operator_qos.notices.replies import digest_sender, find_token, is_valid, read_token
from operator_qos.notices.service import send_back
from operator_qos.settings import Settings, read_secret

MAX_BYTES = 30 * 1024 * 1024
MAX_KEPT = 5_000
# Whoever sends rubbish at us with somebody else's name must not have them flooded.
MAX_ANSWERS, ANSWER_WINDOW = 3, timedelta(days=1)
_INPUT_REASONS = {"empty": "empty", "long": "long", "early": "early", "late": "closed", "nobody": "closed"}


@dataclass(frozen=True)
class Received:
    """What became of a mail: taken, ignored, set_aside or repeated; `reason` why it was not taken."""

    state: str
    reason: str = ""
    dispute_id: int | None = None


class _Refused(Exception):
    """Why a mail is set aside; the dispute where its sender is the one the address was made for."""

    def __init__(self, reason: str, row: DisputeRow | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        # Read now: the row ends with the transaction that is given up.
        self.dispute_id = row.dispute.id if row is not None else None
        self.case = row.dispute.case_ref if row is not None else ""


@dataclass(frozen=True)
class _Sender:
    """For whom a mail speaks, in which dispute."""

    row: DisputeRow
    reply: ReplyAddress
    actor: Actor
    language: str


def receive_mail(
    engine: Engine, settings: Settings, content: bytes, *, now: datetime, to: Sequence[str] = ()
) -> Received:
    """Deal with one RFC 822 mail; commits. The same mail again changes nothing.

    `to`: the addresses it was delivered to, as the mail server knows them; without, those of its head. What cannot be
    taken is set aside and its sender told why. Raises only what the database raises.
    """
    try:
        if len(content) > MAX_BYTES:
            raise UnreadableMail("it is too large")
        mail = read_mail(content, to=to)
    except UnreadableMail:
        mail = _read_head(content)
        return _set_aside(engine, settings, mail, _Refused("unreadable"), now=now)
    store = FileStore(settings.data_dir / "attachments")
    uploads: list[Upload] = []
    try:
        return _take(engine, settings, mail, _keeper(store, mail, uploads), now=now)
    except BaseException as error:
        store.discard(uploads)
        if isinstance(error, IntegrityError):  # another process takes the same mail
            return Received("repeated")
        if not isinstance(error, _Refused):
            raise
        return _set_aside(engine, settings, mail, error, now=now)


def _keeper(store: FileStore, mail: Incoming, uploads: list[Upload]) -> Callable[[], list[Upload]]:
    """Keeps the files once the sender is known; strangers fill no disk."""
    def keep() -> list[Upload]:
        uploads.extend(store.keep_all(list(mail.files)))
        return uploads
    return keep


def _find_reason(error: IllegalAction | DisputeInputError | FileError) -> str:
    """Why a mail is not taken, as its sender is told."""
    if isinstance(error, FileError):
        return f"file_{error.code}"
    return _INPUT_REASONS.get(error.code, "closed") if isinstance(error, DisputeInputError) else "closed"


def _read_head(content: bytes) -> Incoming:
    """As much as can be said of a mail that cannot be read."""
    try:
        head = read_mail(content[:10_000].replace(b"\r", b"").partition(b"\n\n")[0] + b"\n\n")
    except UnreadableMail:
        head = read_mail(b"From: unknown\n\n")
    return replace(head, key=hashlib.sha256(content).hexdigest(), text="", files=())


def _take(
    engine: Engine, settings: Settings, mail: Incoming, keep: Callable[[], list[Upload]], *, now: datetime
) -> Received:
    with unit_of_work(engine) as session:
        if _is_known(session, mail.key):
            return Received("repeated")
        if mail.is_automatic:
            return _note(session, mail, Received("ignored", "automatic"), now=now)
        sender = _find_sender(session, settings, mail, now=now)
        kept = _note(session, mail, Received("taken", dispute_id=sender.row.dispute.id), now=now)
        try:
            _act(session, sender, mail, keep, now=now)
        except (IllegalAction, DisputeInputError, FileError) as error:
            raise _Refused(_find_reason(error), sender.row) from error
        return kept


def _is_known(session: Session, key: str) -> bool:
    return session.scalar(select(ReceivedMail.id).where(ReceivedMail.key == key)) is not None


def _note(session: Session, mail: Incoming, done: Received, *, now: datetime, answered: bool = False) -> Received:
    """Write down what became of a mail; the key makes two deliveries at once one."""
    kept = mail.text[:MAX_KEPT] if done.state == "set_aside" else ""
    session.add(ReceivedMail(
        key=mail.key, received_at=now, sender=mail.sender, subject=mail.subject, state=done.state, reason=done.reason,
        dispute_id=done.dispute_id, body=kept, is_answered=answered))
    session.flush()
    return done


def _find_sender(session: Session, settings: Settings, mail: Incoming, *, now: datetime) -> _Sender:
    """Whose answer it is. Raises _Refused for an address that is not ours, ended, or somebody else's."""
    secret = read_secret(settings)
    reply = read_token(session, find_token(mail.addresses), secret=secret)
    dispute_id = find_dispute_id(reply.about) if reply is not None else None
    row = queries.find_row(session, dispute_id) if dispute_id is not None else None
    if reply is None or row is None:
        raise _Refused("unknown")
    found = _find_person(session, reply, row, mail, secret)
    if not is_valid(reply, now=now):
        raise _Refused("expired", row)
    if reply.side == "staff" and found.actor.role == "mediator" and not _is_in_charge(session, row, found.actor):
        raise _Refused("desk", row)
    return found


def _find_person(
    session: Session, reply: ReplyAddress, row: DisputeRow, mail: Incoming, secret: str
) -> _Sender:
    """The one the address was made for. Raises _Refused when somebody else writes."""
    if reply.user_id is None:
        if reply.sender_digest != digest_sender(mail.sender, secret=secret):
            raise _Refused("foreign")
        return _Sender(row, reply, Actor("buyer", "buyer"), row.place.language)
    user = session.get_one(User, reply.user_id)
    belongs = user.seller_id == row.place.seller_id if reply.side == "seller" else user.seller_id is None
    if not user.active or not belongs or user.email.lower() != mail.sender:
        raise _Refused("foreign")
    role = "seller" if reply.side == "seller" else "mediator" if user.role == "mediator" else "operator"
    return _Sender(row, reply, Actor(role, user.email, user.id), user.language)


def _is_in_charge(session: Session, row: DisputeRow, actor: Actor) -> bool:
    mine = row.dispute.mediator_id in {None, actor.id}
    return mine and not queries.has_conflict(session, row.dispute, actor.id)


def _act(
    session: Session, sender: _Sender, mail: Incoming, keep: Callable[[], list[Upload]], *, now: datetime
) -> None:
    """Do what the address stands for, or, where the dispute went on meanwhile, write to the same readers."""
    given = Given(text=mail.text, token=f"mail-{mail.key[:30]}", to=tuple(sender.reply.recipients), files=keep())
    action = _find_doing(sender)
    perform(session, action, dispute_id=sender.row.dispute.id, given=given, actor=sender.actor, now=now)


def _find_doing(sender: _Sender) -> str:
    dispute, role, action = sender.row.dispute, sender.actor.role, sender.reply.action
    gives = action != "give_evidence" or dispute.holder == role
    return action if gives and find_action(action, dispute.state, role) else "write"


# What could not be taken


@dataclass(frozen=True)
class MailRow:
    """A mail that was set aside, as the office sees it."""

    id: int
    received_at: datetime
    sender: str
    subject: str
    reason: str
    dispute_id: int | None
    body: str
    is_answered: bool


def list_set_aside(session: Session, *, limit: int = 100) -> list[MailRow]:
    """Mails that were not taken and that nobody dropped, the latest first."""
    columns = [getattr(ReceivedMail, name) for name in MailRow.__dataclass_fields__]
    query = select(*columns).where(ReceivedMail.state == "set_aside")
    return [MailRow(*row) for row in session.execute(query.order_by(ReceivedMail.received_at.desc()).limit(limit))]


def drop_mail(session: Session, *, mail_id: int) -> bool:
    """Forget the words of a mail that was set aside; False: there is none. Does not commit."""
    row = session.get(ReceivedMail, mail_id)
    if row is None or row.state != "set_aside":
        return False
    row.state, row.body = "dropped", ""
    return True


def _set_aside(engine: Engine, settings: Settings, mail: Incoming, refused: _Refused, *, now: datetime) -> Received:
    done = Received("set_aside", refused.reason, refused.dispute_id)
    try:
        with unit_of_work(engine) as session:
            if _is_known(session, mail.key):
                return Received("repeated")
            answers = _may_answer(session, settings, mail, now=now)
            _note(session, mail, done, now=now, answered=answers)
            if answers:
                send_back(session, key=f"mail-back:{mail.key}", recipient=mail.sender,
                          text=_explain(session, mail, refused), now=now)
    except IntegrityError:
        return Received("repeated")
    return done


def _may_answer(session: Session, settings: Settings, mail: Incoming, *, now: datetime) -> bool:
    """Whether the sender is told: a person, not ourselves, and not more often than some times a day."""
    ours = {parseaddr(address)[1].lower() for address in (settings.mail_from, settings.reply_address)}
    if "@" not in mail.sender or mail.is_automatic or mail.sender in ours:
        return False
    told = select(func.count(ReceivedMail.id)).where(
        ReceivedMail.sender == mail.sender, ReceivedMail.received_at > now - ANSWER_WINDOW, ReceivedMail.is_answered)
    return (session.scalar(told) or 0) < MAX_ANSWERS


def _explain(session: Session, mail: Incoming, refused: _Refused) -> NoticeText:
    """The mail back: in the sender's language where we know them, else in both; strangers learn of no dispute."""
    user = session.scalars(select(User).where(func.lower(User.email) == mail.sender)).one_or_none()
    data = {"reason": refused.reason, "case": refused.case, "subject": mail.subject}
    languages = (user.language,) if user is not None else ("en", "fr")
    texts = [render_notice("mail_refused", data, language=language, link="/") for language in languages]
    return NoticeText(" / ".join(text.subject for text in texts)[:300], "\n\n".join(text.body for text in texts))
