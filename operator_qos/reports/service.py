"""Saving exports, and sending them to who subscribed. Nothing here commits."""

from __future__ import annotations

import secrets
from datetime import datetime
from tempfile import TemporaryFile

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import Actor
from operator_qos.accounts.queries import find_sign_in
from operator_qos.audit.service import append_audit
from operator_qos.notices.mail import BASE_URL, Attachment, render_report
from operator_qos.notices.queries import get_preferences
from operator_qos.notices.service import send_file
from operator_qos.reports.models import ReportSubscription, SavedExport
from operator_qos.reports.queries import check_wanted, read_sheet
from operator_qos.reports.rules import EVERY, KNOWN, FilterError, Wanted, find_next_send
from operator_qos.reports.saved import ExportRow, find_export_by_id, to_wanted
from operator_qos.sheets import FORMATS, MEDIA_TYPES, Sheet, TooLongError, write_sheet_to

MAX_EXPORTS, LONGEST_NAME = 100, 100
# What is larger is fetched by its link: mail servers refuse it.
LARGEST_ATTACHMENT = 5_000_000


def save_export(
    session: Session, *, name: str, wanted: Wanted, form: str, actor: Actor, now: datetime
) -> str:
    """Keep a table under a name, for the actor's company or the operator; answers its id. Raises FilterError."""
    kept = " ".join(name.split())
    if not 0 < len(kept) <= LONGEST_NAME:
        raise FilterError("name", f"give it a name of 1 to {LONGEST_NAME} characters")
    if form not in FORMATS:
        raise FilterError("format", f"{form!r} is none of {', '.join(FORMATS)}")
    check_wanted(wanted)
    wrong = [field for field in wanted.filters.to_json() if field not in KNOWN[wanted.sheet]]
    if wrong:
        raise FilterError(wrong[0], f"{wanted.sheet} cannot be narrowed by {wrong[0]}")
    mine = select(SavedExport.id).where(SavedExport.seller_id == actor.seller_id, SavedExport.ended_at.is_(None))
    if len(session.scalars(mine).all()) >= MAX_EXPORTS:
        raise FilterError("name", f"there are {MAX_EXPORTS} exports already; end one first")
    row = SavedExport(
        public_id=secrets.token_urlsafe(12), seller_id=actor.seller_id, name=kept, sheet=wanted.sheet,
        filters=wanted.filters.to_json(), columns=list(wanted.columns), form=form, made_by=actor.email, made_at=now)
    session.add(row)
    session.flush()
    append_audit(session, actor=actor.email, now=now, action="export.saved", subject=f"export:{row.public_id}",
                 after={"name": kept, "sheet": row.sheet, "filters": row.filters, "format": form})
    return row.public_id


def end_export(session: Session, *, export: ExportRow, actor: Actor, now: datetime) -> None:
    """Take an export away, and everybody's subscription to it."""
    session.get_one(SavedExport, export.id).ended_at = now
    session.execute(update(ReportSubscription).where(ReportSubscription.export_id == export.id).values(next_at=None))
    append_audit(session, actor=actor.email, now=now, action="export.ended", subject=f"export:{export.public_id}")


def subscribe(session: Session, *, export: ExportRow, every: str, actor: Actor, now: datetime) -> None:
    """Send a person an export every week or month from now on, or no longer (`every` empty). Raises FilterError."""
    if every not in {"", *EVERY}:
        raise FilterError("every", f"{every!r} is none of {', '.join(EVERY)}")
    mine = (ReportSubscription.export_id == export.id, ReportSubscription.user_id == actor.user_id)
    row = session.scalar(select(ReportSubscription).where(*mine))
    if row is None:
        row = ReportSubscription(export_id=export.id, user_id=actor.user_id, every=every or EVERY[0])
        session.add(row)
    zone = get_preferences(session, actor.user_id).zone
    row.every, row.next_at = every or row.every, find_next_send(every, zone, now=now) if every else None
    session.flush()
    append_audit(session, actor=actor.email, now=now, action="export.subscribed", subject=f"export:{export.public_id}",
                 after={"every": every})


def send_report(session: Session, *, subscription_id: int, now: datetime) -> bool:
    """Put one due report in the outbox, once; False: another worker did, or nobody may have it any more."""
    due = (ReportSubscription.id == subscription_id, ReportSubscription.next_at <= now)
    row = session.scalar(select(ReportSubscription).where(*due).with_for_update())
    if row is None or row.next_at is None:
        return False
    export, person = find_export_by_id(session, row.export_id), find_sign_in(session, row.user_id)
    if export is None or person is None or person.actor.seller_id != export.seller_id:
        row.next_at = None
        return False
    # Late runs are made up for once, however many dates were missed.
    due_at, zone = row.next_at, get_preferences(session, row.user_id).zone
    row.next_at, row.sent_at = find_next_send(row.every, zone, now=now), now
    _put_in_outbox(session, export, person.actor, key=f"report:{row.id}:{due_at.isoformat()}", now=now)
    return True


def _put_in_outbox(session: Session, export: ExportRow, reader: Actor, *, key: str, now: datetime) -> None:
    content = _write_attachment(read_sheet(session, to_wanted(session, export), now=now), export.form)
    side = "seller" if reader.is_seller else "operator"
    text = render_report({
        "export": export.name, "attached": content is not None, "name": reader.name,
        "url": f"{BASE_URL}/{side}/exports/{export.public_id}/file", "settings": f"{BASE_URL}/{side}/exports",
    }, language=reader.language)
    media_type = MEDIA_TYPES[export.form].partition(";")[0]
    attached = Attachment(export.file_name, media_type, content) if content is not None else None
    send_file(session, key=key, recipient=reader.email, text=text, attachment=attached, now=now)


def _write_attachment(sheet: Sheet, form: str) -> bytes | None:
    """The file of a table; None where it is more than a mail, or than this kind of file, can hold."""
    with TemporaryFile() as file:
        try:
            write_sheet_to(file, sheet, form)
        except TooLongError:
            return None
        if file.tell() > LARGEST_ATTACHMENT:
            return None
        file.seek(0)
        return file.read()
