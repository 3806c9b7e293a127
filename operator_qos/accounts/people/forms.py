"""Forms of invitations and of passwords set by a mailed link."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectChoice, SelectField, StringField  # type: ignore[import-untyped]
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length  # type: ignore[import-untyped]

from operator_qos.accounts.actors import ROLES
from operator_qos.accounts.people.words import ROLE_NAMES
from operator_qos.accounts.service import LONGEST_PASSWORD, SHORTEST_PASSWORD
from operator_qos.i18n import LANGUAGE_NAMES
from operator_qos.i18n import lazy_gettext as _


def _make_address() -> StringField:
    return StringField(
        _("E-mail address"),
        [InputRequired(_("Write an e-mail address.")), Length(max=254, message=_("This address is too long."))],
        render_kw={"type": "email", "autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"})


class InviteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Who is invited, as what."""

    email = _make_address()
    name = StringField(
        _("Name"),
        [DataRequired(_("Write how the person is called.")),
         Length(max=200, message=_("This name is too long: 200 characters at most."))],
        render_kw={"autocomplete": "off"})
    role = SelectField(_("Role"), choices=[SelectChoice(role, ROLE_NAMES[role]) for role in ROLES])
    language = SelectField(_("Language"), choices=[SelectChoice(*pair) for pair in LANGUAGE_NAMES.items()])
    seller = StringField(
        _("Company, by its code"), [Length(max=200, message=_("This code is too long."))],
        description=_("For people of a seller; nothing for the operator’s people and mediators."),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})


class TeamForm(InviteForm):
    """Who is invited to one's own company."""

    role = SelectField(_("Role"), choices=[
        SelectChoice(role, ROLE_NAMES[role]) for role in ("seller_staff", "seller_owner")])
    seller = None


class ForgottenForm(FlaskForm):  # type: ignore[misc]
    """The address to which a link is sent."""

    email = StringField(
        _("E-mail address"),
        [InputRequired(_("Write your e-mail address.")), Length(max=254, message=_("This address is too long."))],
        render_kw={"type": "email", "autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"})


class JoinForm(FlaskForm):  # type: ignore[misc]
    """A new password, twice."""

    password = PasswordField(
        _("New password"),
        [InputRequired(_("Write a new password.")),
         Length(min=SHORTEST_PASSWORD, message=_("Use at least %(min)d characters.")),
         Length(max=LONGEST_PASSWORD, message=_("Use %(max)d characters at most."))],
        description=_("At least 12 characters. Three unrelated words do well."),
        render_kw={"autocomplete": "new-password"})
    repeated = PasswordField(
        _("New password again"),
        [EqualTo("password", _("The two new passwords differ. Write the same one twice."))],
        render_kw={"autocomplete": "new-password"})
