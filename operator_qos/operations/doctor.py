"""What `operator-qos doctor` looks at."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import reading
from operator_qos.events.models import EventBody, Quarantined
from operator_qos.ledger.pending import count_pending
from operator_qos.migrate import MigrationError, find_revision, get_head
from operator_qos.notices.models import JobLease, OutboxMail
from operator_qos.settings import MEANINGS, PREFIX, Settings

BODIES_LATE = timedelta(days=2)
SECRETS = frozenset({"secret_key", "smtp_password"})
URLS = frozenset({"database_url", "direct_database_url"})


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, and what to do when not."""

    name: str
    ok: bool
    says: str


@dataclass(frozen=True)
class SettingRow:
    """One setting as it is in force; secrets are not shown."""

    variable: str
    value: str
    meaning: str
    given: bool


def list_settings(settings: Settings) -> list[SettingRow]:
    """Every setting with its value and meaning."""
    rows: list[SettingRow] = []
    for field in fields(Settings):
        variable, value = PREFIX + field.name.upper(), str(getattr(settings, field.name))
        shown = "(hidden)" if field.name in SECRETS and value else value
        if field.name in URLS and value:
            shown = _without_password(value)
        rows.append(SettingRow(variable, shown, MEANINGS[field.name], variable in os.environ))
    return rows


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def examine(settings: Settings, engine: Engine, *, now: datetime) -> list[Check]:
    """Database, version, data folder, scheduler, mails, quarantine, texts past their time, what imports left."""
    checks = [_check_folder(settings)]
    try:
        revision, head = find_revision(engine), get_head()
    except (SQLAlchemyError, MigrationError) as error:
        return [*checks, Check("database", False, f"cannot be read: {error}"[:300])]
    checks.append(Check("database", True, engine.url.render_as_string(hide_password=True)))
    current = revision == head
    checks.append(Check("version", current, f"{revision}" if current else
                        f"{revision or 'none'}, current is {head}; run: operator-qos migrate"))
    if current:
        with reading(engine) as session:
            checks += [_check_scheduler(session, now), _check_mails(session), _check_quarantine(session),
                       _check_bodies(session, now)]
        checks.append(_check_pending(engine))
    return checks


def _check_folder(settings: Settings) -> Check:
    folder = settings.data_dir
    writable = os.access(folder if folder.exists() else folder.absolute().parent, os.W_OK)
    return Check("data folder", writable, str(folder) if writable else f"{folder} cannot be written; change its owner")


def _check_scheduler(session: Session, now: datetime) -> Check:
    until = session.scalar(select(func.max(JobLease.expires_at)))
    if until is None or until < now:
        return Check("scheduler", False, "no scheduler is at work; start operator-qos serve or operator-qos scheduler")
    return Check("scheduler", True, f"at work, lease until {until.isoformat()}")


def _check_mails(session: Session) -> Check:
    dead = session.scalar(select(func.count()).select_from(OutboxMail).where(OutboxMail.state == "dead")) or 0
    says = f"{dead} could not be delivered; check the SMTP settings" if dead else "none stuck"
    return Check("mails", dead == 0, says)


def _check_bodies(session: Session, now: datetime) -> Check:
    oldest = session.scalar(select(func.min(EventBody.expires_ms)))
    late = timedelta(milliseconds=to_ms(now) - oldest) if oldest is not None else timedelta(0)
    if late > BODIES_LATE:
        return Check("message texts", False, f"the oldest should have gone {late.days} days ago; the job "
                     "drop_expired_bodies does not keep up or does not run: look at the scheduler's log")
    return Check("message texts", True, "none is past its time")


def _check_quarantine(session: Session) -> Check:
    waiting = session.scalar(select(func.count()).select_from(Quarantined).where(
        Quarantined.replayed_at.is_(None))) or 0
    says = f"{waiting} events could not be read; an operator sees them under Sources, Set aside" if waiting else "empty"
    return Check("quarantine", True, says)


def _check_pending(engine: Engine) -> Check:
    waiting = count_pending(engine)
    if waiting.flawed:
        return Check("imports", False, f"{waiting.flawed} dossiers could not be worked out (the table pending_dossiers "
                     "says why); mend their events, then run: operator-qos rebuild")
    if waiting.derivable:
        return Check("imports", False, f"an import was broken off with {waiting.derivable} dossiers to work out; run "
                     "it again, or let the scheduler finish it within the hour")
    return Check("imports", True, "nothing left to work out")
