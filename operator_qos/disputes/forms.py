"""Forms of disputes: the seller's answer, the mediator's question and decision."""

from __future__ import annotations

import secrets
from datetime import date
from decimal import Decimal, InvalidOperation

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (  # type: ignore[import-untyped]
    BooleanField,
    DateField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError  # type: ignore[import-untyped]

from operator_qos.disputes.rules import CLAUSES, FAULTS, REMEDIES
from operator_qos.disputes.service import MAX_TEXT
from operator_qos.words import party_name

REMEDY_NAMES = {
    "refund": _("Refund in full"),
    "partial_refund": _("Refund in part"),
    "replacement": _("Replacement"),
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


class AnswerForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What the seller writes, to the buyer or as proof to the mediator."""

    text = TextAreaField(
        _("Your message"),
        [
            DataRequired(_("Write a message first.")),
            Length(max=MAX_TEXT, message=_("This text is too long.")),
        ],
        render_kw={"rows": 5},
    )
    awaits_buyer = BooleanField(_("The buyer must reply before I can go on"))
    token = HiddenField(validators=[Length(min=8, max=40)])


class EvidenceForm(FlaskForm):  # type: ignore[misc]
    """By when the seller must send proof."""

    due_on = DateField(_("Proof from the seller by the end of"), [InputRequired(_("Choose a day."))])

    def __init__(self, *, today: date) -> None:
        super().__init__()
        self._today = today

    def validate_due_on(self, item: DateField) -> None:
        """Today or later."""
        if item.data is not None and item.data < self._today:
            raise ValidationError(_("This day is over. Choose a later one."))


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
