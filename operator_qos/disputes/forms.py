"""Forms of disputes: the seller's answer, the mediator's question and decision."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from flask import Response, request
from flask_wtf import FlaskForm
from werkzeug.exceptions import NotFound
from wtforms import (  # type: ignore[import-untyped]
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError  # type: ignore[import-untyped]

from operator_qos.disputes.acting import MAX_TEXT, DisputeInputError
from operator_qos.disputes.acting import Actor as DisputeActor
from operator_qos.disputes.desk import Given, perform
from operator_qos.disputes.document import write_decision
from operator_qos.disputes.file import Kept
from operator_qos.disputes.queries import DisputeRow
from operator_qos.disputes.rules import CLAUSES, FAULTS, MONEY_REMEDIES, REMEDIES, IllegalAction
from operator_qos.files import PREVIEWED, FileError, FileStore
from operator_qos.i18n import LANGUAGES
from operator_qos.i18n import lazy_gettext as _
from operator_qos.web import get_session, get_site, now, read_number, writing
from operator_qos.words import party_name

REMEDY_NAMES = {
    "refund": _("Refund in full"),
    "partial_refund": _("Refund in part"),
    "replacement": _("Replacement"),
    "return_refund": _("Return and refund"),
    "voucher": _("Voucher"),
    "apology": _("Apology"),
    "none": _("Nothing"),
}
CLAUSE_NAMES = {
    "delivery": _("The parcel was not handed over at the address (§1)"),
    "item": _("The item is not what was ordered, or is damaged (§2)"),
    "answer": _("The seller let the time allowed run out (§3)"),
    "evidence": _("Proof that was asked for was not given (§4)"),
    "carrier": _("The seller shipped in time and asked the carrier (§5)"),
    "buyer": _("The buyer’s claim is not supported by the facts (§6)"),
}
CLAUSE_NUMBERS = {clause: number for number, clause in enumerate(CLAUSES, 1)}


def make_token() -> str:
    """A mark for one filled form."""
    return secrets.token_hex(8)


def parse_minor(text: str) -> int:
    """An amount as people write it ("196,90", "1 200.5") in minor units. Raises ValueError."""
    plain = "".join(text.split()).replace(",", ".")
    try:
        minor = Decimal(plain) * 100
    except InvalidOperation:
        raise ValueError(text) from None
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 <= minor <= 10**12:
        raise ValueError(text)
    return int(minor)


def read_given(zone: str, *, store: FileStore) -> Given:
    """What an action's plain form holds; files are checked and kept. Raises DisputeInputError, FileError."""
    sent = request.form
    return Given(
        text=sent.get("text", ""),
        token=sent.get("token", "")[:40],
        to=tuple(sent.getlist("to")),
        awaits_buyer=bool(sent.get("awaits_buyer")),
        remedy=sent.get("remedy", ""),
        amount_minor=_read_amount(sent.get("amount", "")) if sent.get("remedy") in MONEY_REMEDIES else 0,
        offer_id=read_number(sent.get("offer")) or 0,
        whom=sent.get("whom", "seller"),
        due_at=_read_end_of_day(sent.get("due_on", ""), zone),
        mediator_id=read_number(sent.get("mediator")) or 0,
        files=store.keep_all(read_files()),
    )


def read_files() -> list[tuple[str, bytes]]:
    """Name and content of every file sent with the form."""
    return [(file.filename or "file", file.read()) for file in request.files.getlist("files") if file.filename]


def _read_amount(text: str) -> int:
    try:
        return parse_minor(text or "0")
    except ValueError:
        raise DisputeInputError("amount", "amount", f"{text!r} is no amount; write it like 196.90") from None


def _read_end_of_day(text: str, zone: str) -> datetime | None:
    """The last second of a day given, None without one. Raises DisputeInputError."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DisputeInputError("due_on", "day", f"{text!r} is no day; choose one") from None
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)) - timedelta(seconds=1)


class RulingForm(FlaskForm):  # type: ignore[misc]
    """The decision."""

    clauses = SelectMultipleField(_("What is established"), choices=list(CLAUSE_NAMES.items()))
    grounds = TextAreaField(
        _("Reasons, read by both sides"),
        [
            DataRequired(_("Give your reasons: both sides read them.")),
            Length(max=MAX_TEXT - 100, message=_("This text is too long.")),
        ],
        render_kw={"rows": 4},
    )
    remedy = SelectField(_("Remedy"), choices=[(remedy, REMEDY_NAMES[remedy]) for remedy in REMEDIES])
    amount = StringField(_("Amount to the buyer"), render_kw={"inputmode": "decimal"})
    fault = RadioField(
        _("At fault"),
        [InputRequired(_("Say who is at fault."))],
        choices=[(fault, party_name(fault)) for fault in FAULTS],
    )
    counts = RadioField(
        _("If the seller is at fault"),
        choices=[("yes", _("Counts on the seller’s record")), ("no", _("Does not count"))],
        default="yes",
    )

    @property
    def refund_minor(self) -> int:
        """The amount in minor units; nothing without a refund."""
        return parse_minor(self.amount.data or "0") if self.remedy.data in {"refund", "partial_refund"} else 0

    def validate_amount(self, item: StringField) -> None:
        """An amount of money."""
        try:
            parse_minor(item.data or "0")
        except ValueError:
            raise ValidationError(_("This is no amount. Write it like 196.90.")) from None

    def full_grounds(self) -> str:
        """The reasons with the clauses they rest on."""
        cited = ", ".join(f"§{CLAUSE_NUMBERS[clause]}" for clause in self.clauses.data or ())
        text = (self.grounds.data or "").strip()
        return f"{text} ({cited})" if cited else text


INPUT_ERRORS = {
    "empty": lambda: _("Write a message first."),
    "long": lambda: _("This text is too long."),
    "past": lambda: _("This day is over. Choose a later one."),
    "range": lambda: _("At most the amount asked for can be refunded."),
    "remedy": lambda: _("Only a refund has an amount, and it needs one above zero."),
    "unknown": lambda: _("This choice is not on the list."),
    "nobody": lambda: _("Choose who reads it, or keep it as a note."),
    "early": lambda: _("It is too early for that: the seller’s time is not over."),
    "late": lambda: _("The time to appeal is over. The decision stands."),
    "gone": lambda: _("This offer is no longer open. Look at what is offered now."),
    "own": lambda: _("This is your own offer: the other side answers it."),
    "unpaid": lambda: _("No refund of that amount is on record yet. The buyer or the operator can confirm it."),
    "conflict": lambda: _("This mediator has a conflict with the case. Choose another."),
    "amount": lambda: _("This is no amount. Write it like 196.90."),
    "day": lambda: _("Choose a day."),
    "order_amount": lambda: _("At most the order’s amount can be in dispute."),
}
FILE_ERRORS = {
    "type": lambda: _("Only PNG, JPEG, GIF, WebP, PDF and plain text are taken; what a file is called does not count."),
    "large": lambda: _("A file may have at most 8 MB."),
    "many": lambda: _("At most 5 files go with a message."),
    "empty": lambda: _("A file is empty."),
}


def MOVED_ON() -> str:
    """What a late click reads."""
    return str(_("This is no longer possible: the dispute has moved on. Nothing was changed."))


def input_error(code: str) -> str:
    """What is wrong with what was given, in the reader's language."""
    return str(INPUT_ERRORS[code]())


@dataclass(frozen=True)
class Failed:
    """An action that was refused: which, why, and what was typed."""

    action: str
    message: str
    typed: Mapping[str, str]


DONE = {
    "answer": lambda: _("Your message was sent to the buyer."),
    "write": lambda: _("Your message was sent."),
    "note": lambda: _("Your note was kept."),
    "offer": lambda: _("Your offer was sent."),
    "accept_offer": lambda: _("Agreed. Now it has to be carried out in time."),
    "decline_offer": lambda: _("The offer was declined."),
    "confirm_performance": lambda: _("Confirmed. The dispute is closed."),
    "report_broken": lambda: _("A mediator takes it over, first in the queue."),
    "escalate": lambda: _("The case is with the mediators now."),
    "withdraw": lambda: _("The dispute was withdrawn."),
    "reopen": lambda: _("The dispute is open again."),
    "take": lambda: _("The case is on your desk."),
    "assign": lambda: _("The case was assigned."),
    "ask_evidence": lambda: _("Proof was asked for."),
    "give_evidence": lambda: _("Your proof was sent to the mediator."),
    "appeal": lambda: _("Your appeal was sent. Another mediator looks at it."),
    "declare_conflict": lambda: _("The conflict is noted. The case is back in the queue for another mediator."),
}


def find_store() -> FileStore:
    """Where this installation keeps files of disputes."""
    return FileStore(get_site().settings.data_dir / "attachments")


def carry_out(row: DisputeRow, action: str, *, actor: DisputeActor, store: FileStore) -> Failed | str:
    """Do an action with what the request's form holds; the words for what came of it."""
    given, dispute_id = Given(), row.dispute.id  # writing ends the session the row came from
    try:
        given = read_given(row.place.zone, store=store)
        with writing() as session:
            was_new = perform(session, action, dispute_id=dispute_id, given=given, actor=actor, now=now())
    except IllegalAction:
        store.discard(given.files)
        return MOVED_ON()
    except DisputeInputError as error:
        store.discard(given.files)
        return Failed(action, input_error(error.code), request.form.to_dict())
    except FileError as error:
        store.discard(given.files)
        return Failed(action, str(FILE_ERRORS[error.code]()), request.form.to_dict())
    if not was_new:
        store.discard(given.files)
        return str(_("This was done before; nothing was changed."))
    return str(DONE[action]())


def send_attachment(file: Kept, store: FileStore, *, preview: bool) -> Response:
    """A file as a download; as a preview images are drawn anew, and a PDF is for the browser's viewer on our own pages.

    Whatever it holds, nothing of it runs: its policy allows no script and gives it no origin.
    """
    try:
        if preview and file.media_type in PREVIEWED:
            answer = Response(store.preview(file.stored_as), mimetype="image/png")
        else:
            answer = Response(store.read(file.stored_as), mimetype=file.media_type)
            is_shown = preview and file.media_type == "application/pdf"
            answer.headers.set("Content-Disposition", "inline" if is_shown else "attachment", filename=file.name)
    except FileNotFoundError:
        raise NotFound from None
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'self'"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def send_decision(row: DisputeRow, language: str) -> Response:
    """The decision of a dispute as PDF in a language. Raises NotFound before there is one."""
    if row.dispute.decided_at is None:
        raise NotFound
    chosen = language if language in LANGUAGES else "en"
    answer = Response(write_decision(get_session(), row, language=chosen), mimetype="application/pdf")
    name = f"decision-{row.dispute.id}-{chosen}.pdf"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer
