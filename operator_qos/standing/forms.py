"""The form by which a seller answers a buyer."""

from __future__ import annotations

import secrets

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, TextAreaField  # type: ignore[import-untyped]
from wtforms.validators import InputRequired, Length  # type: ignore[import-untyped]

from operator_qos.disputes.service import MAX_TEXT
from operator_qos.i18n import lazy_gettext as _


def make_token() -> str:
    """A mark for one filled form."""
    return secrets.token_hex(8)


class ReplyForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The seller's answer."""

    text = TextAreaField(
        _("Your answer"),
        [
            InputRequired(_("Write an answer first.")),
            Length(max=MAX_TEXT, message=_("This answer is too long: 5,000 characters at most.")),
        ],
        render_kw={"rows": 6},
    )
    awaits_buyer = BooleanField(_("I need an answer from the buyer before I can go on"))
    token = HiddenField(validators=[InputRequired(), Length(min=8, max=40)])
