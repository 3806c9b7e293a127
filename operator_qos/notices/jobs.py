"""Delivering the outbox: any number of workers, each mail claimed by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.notices.mail import Attachment, Transport, build_message, digest_key, open_transport
from operator_qos.notices.models import OutboxMail, ReplyAddress
from operator_qos.notices.queries import list_due_digests, list_due_mail_ids, list_settled_keys
from operator_qos.notices.replies import sign_reply, to_address
from operator_qos.notices.rules import LINK_KEY
from operator_qos.notices.service import send_digest, tell_settled
from operator_qos.settings import Settings, read_secret

RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720))
# Longer than any delivery takes; a worker that died in the middle leaves its mail to the next one after this.
CLAIM = timedelta(minutes=10)
log = structlog.get_logger(__name__)


def tell_due(engine: Engine, *, now: datetime, limit: int = 500) -> tuple[int, int]:
    """Tell what has settled and write the daily mails that are due; how many of each. Commits one by one."""
    with reading(engine) as session:
        settled, people = list_settled_keys(session, now=now, limit=limit), list_due_digests(session, now=now)
    told = digests = 0
    for key in settled:
        with unit_of_work(engine) as session:
            told += tell_settled(session, key=key, now=now)
    for user_id in people:
        with unit_of_work(engine) as session:
            digests += send_digest(session, user_id=user_id, now=now)
    return told, digests


@dataclass(frozen=True)
class Delivery:
    """What one round did."""

    sent: int = 0
    postponed: int = 0
    dead: int = 0


@dataclass(frozen=True)
class ClaimedMail:
    """A mail this worker alone may deliver now; `attempts` includes this one."""

    id: int
    key: str
    recipient: str
    subject: str
    body: str
    attempts: int
    reply_id: int | None = None
    reply_line: str | None = None
    attachment: bytes | None = None
    attachment_name: str | None = None
    attachment_type: str | None = None

    @property
    def file(self) -> Attachment | None:
        """The file that goes with it."""
        if self.attachment is None:
            return None
        return Attachment(self.attachment_name or "file", self.attachment_type or "application/octet-stream",
                          self.attachment)


def deliver_outbox(engine: Engine, settings: Settings, *, now: datetime, limit: int = 200) -> Delivery:
    """Send the mails that are due, each at most once per attempt; commits mail by mail.

    A server that cannot be reached ends the round, so a dead one costs one waiting time and not one per mail.
    """
    with reading(engine) as session:
        due = list_due_mail_ids(session, now=now, limit=limit)
    if not due:
        return Delivery()
    transport = open_transport(settings)
    try:
        return _deliver(engine, settings, transport, due=due, now=now)
    finally:
        transport.close()


def _deliver(
    engine: Engine, settings: Settings, transport: Transport, *, due: list[int], now: datetime
) -> Delivery:
    counts = {"sent": 0, "postponed": 0, "dead": 0}
    for mail_id in due:
        with unit_of_work(engine) as session:
            mail = claim_mail(session, mail_id, now=now)
            reply_to = _find_reply_to(session, settings, mail)
        if mail is None:
            continue
        error = _try_to_send(settings, transport, mail, reply_to, now=now)
        state = "sent" if error is None else "dead" if mail.attempts > len(RETRY_AFTER) else "postponed"
        with unit_of_work(engine) as session:
            _settle(session, mail, state=state, error=error, now=now)
        counts[state] += 1
        if isinstance(error, ConnectionError | TimeoutError):
            break
    return Delivery(**counts)


def claim_mail(session: Session, mail_id: int, *, now: datetime) -> ClaimedMail | None:
    """Take a due mail by conditional update; None when another worker has it. Does not commit."""
    columns = [getattr(OutboxMail, name) for name in ClaimedMail.__dataclass_fields__]
    due = (OutboxMail.id == mail_id, OutboxMail.state == "waiting", OutboxMail.next_attempt_at <= now)
    claimed = session.execute(
        update(OutboxMail)
        .where(*due)
        .values(attempts=OutboxMail.attempts + 1, next_attempt_at=now + CLAIM)
        .returning(*columns)
    ).one_or_none()
    return None if claimed is None else ClaimedMail(*claimed)


def _find_reply_to(session: Session, settings: Settings, mail: ClaimedMail | None) -> str:
    """The signed address for answers; empty where none are taken, or not to this mail."""
    if mail is None or mail.reply_id is None or not settings.reply_address:
        return ""
    row = session.get_one(ReplyAddress, mail.reply_id)
    return to_address(settings.reply_address, sign_reply(row, secret=read_secret(settings)))


def _try_to_send(
    settings: Settings, transport: Transport, mail: ClaimedMail, reply_to: str, *, now: datetime
) -> Exception | None:
    """Hand the mail over; the error when that failed."""
    try:
        message = build_message(
            settings, key=mail.key, recipient=mail.recipient, subject=mail.subject, body=mail.body, now=now,
            reply_to=reply_to, reply_line=mail.reply_line or "", attachment=mail.file,
        )
        transport.send(message, name=f"{mail.id:08}-{digest_key(mail.key)[:12]}")
    except Exception as error:  # one mail that cannot be built or sent must not hold up the others
        log.warning("mail_not_sent", mail=mail.id, attempt=mail.attempts, error=str(error))
        return error
    return None


def _settle(
    session: Session, mail: ClaimedMail, *, state: str, error: Exception | None, now: datetime
) -> None:
    """Write down how the attempt ended, unless somebody took the mail over since."""
    values: dict[str, object] = {"state": state, "sent_at": now, "error": ""}
    if mail.key.startswith(LINK_KEY):
        values["body"] = ""
    if error is not None:
        text = f"{type(error).__name__}: {error}"[:500]
        values = {"state": "dead", "error": text}
        if state == "postponed":
            values = {"next_attempt_at": now + RETRY_AFTER[mail.attempts - 1], "error": text}
    session.execute(
        update(OutboxMail)
        .where(OutboxMail.id == mail.id, OutboxMail.attempts == mail.attempts)
        .values(**values)
    )
