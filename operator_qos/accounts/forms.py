"""Forms of signing in and of one's own account."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectChoice, SelectField, StringField  # type: ignore[import-untyped]
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length  # type: ignore[import-untyped]

from operator_qos.accounts.service import LONGEST_PASSWORD, SHORTEST_PASSWORD
from operator_qos.i18n import LANGUAGE_NAMES
from operator_qos.i18n import lazy_gettext as _


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Address and password."""

    email = StringField(
        _("E-mail address"),
        [
            InputRequired(_("Write your e-mail address.")),
            Length(max=254, message=_("This address is too long.")),
        ],
        render_kw={
            "type": "email",
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
        },
    )
    password = PasswordField(
        _("Password"),
        [InputRequired(_("Write your password."))],
        render_kw={"autocomplete": "current-password"},
    )


class ProfileForm(FlaskForm):  # type: ignore[misc]
    """Name and language."""

    name = StringField(
        _("Name"),
        [
            DataRequired(_("Write your name.")),
            Length(max=200, message=_("This name is too long: 200 characters at most.")),
        ],
        render_kw={"autocomplete": "name"},
    )
    language = SelectField(_("Language"), choices=[SelectChoice(*pair) for pair in LANGUAGE_NAMES.items()])


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The current password and twice the new one."""

    current = PasswordField(
        _("Current password"),
        [InputRequired(_("Write your current password."))],
        render_kw={"autocomplete": "current-password"},
    )
    password = PasswordField(
        _("New password"),
        [
            InputRequired(_("Write a new password.")),
            Length(min=SHORTEST_PASSWORD, message=_("Use at least %(min)d characters.")),
            Length(max=LONGEST_PASSWORD, message=_("Use %(max)d characters at most.")),
        ],
        description=_("At least 12 characters. Three unrelated words do well."),
        render_kw={"autocomplete": "new-password"},
    )
    repeated = PasswordField(
        _("New password again"),
        [EqualTo("password", _("The two new passwords differ. Write the same one twice."))],
        render_kw={"autocomplete": "new-password"},
    )
