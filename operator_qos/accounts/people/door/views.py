"""For people without a password at hand: asking for a link, and setting a password by one."""

from __future__ import annotations

import time

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import force_locale
from flask_login import logout_user
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.accounts.people import links
from operator_qos.accounts.people.forms import ForgottenForm, JoinForm
from operator_qos.accounts.people.links import INVITATION, OpenLink
from operator_qos.accounts.service import AccountError
from operator_qos.extensions import attempts, get_sign_in_account, get_sign_in_limit
from operator_qos.i18n import gettext as _
from operator_qos.permissions import public
from operator_qos.web import LANGUAGE_COOKIE, get_session, now, select_language, writing

blueprint = Blueprint("door", __name__)
PERMISSIONS = {
    "door.show_forgotten": public(),
    "door.ask_link": public(),
    "door.open_link": public(),
    "door.show_join": public(),
    "door.join": public(),
}
# Mails that one account gets at most, whoever asks.
MAILS = "5 per hour"
# Answers take a whole number of these, so that nobody learns by the clock whether a mail was written.
ANSWER_SECONDS = 0.25
LONGEST_TOKEN = 100
_TOKEN = "join"  # noqa: S105  # the name under which the session keeps it


@blueprint.get("/forgotten")
def show_forgotten() -> str:
    """The form that asks for the address."""
    return render_template("accounts/forgotten.html", form=ForgottenForm(), asked=False)


@blueprint.post("/forgotten")
@attempts.limit(get_sign_in_limit)
@attempts.limit(MAILS, key_func=get_sign_in_account)
def ask_link() -> tuple[str, int]:
    """Mail a link where there is an account; the answer is the same where there is none, and as slow."""
    form, begun = ForgottenForm(), time.monotonic()
    if not form.validate():
        return render_template("accounts/forgotten.html", form=form, asked=False), 422
    with writing() as unit:
        links.ask_reset(unit, email=form.email.data, now=now())
    page = render_template("accounts/forgotten.html", form=form, asked=True)
    time.sleep(ANSWER_SECONDS - (time.monotonic() - begun) % ANSWER_SECONDS)
    return page, 200


@blueprint.get("/join/<token>")
def open_link(token: str) -> BaseResponse:
    """Keep the token in the session and leave its address at once: neither logs nor other pages see it again."""
    session[_TOKEN] = token[:LONGEST_TOKEN]
    answer = redirect(url_for("door.show_join"), 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _find_link() -> OpenLink | None:
    return links.find_link(get_session(), str(session.get(_TOKEN, "")), now=now())


def _get_language(link: OpenLink) -> str:
    """That of the account, unless another one was chosen here."""
    return select_language() if LANGUAGE_COOKIE in request.cookies else link.actor.language


def _show(link: OpenLink, form: JoinForm, status: int = 200) -> tuple[str, int]:
    with force_locale(_get_language(link)):
        return render_template("accounts/join.html", form=form, person=link.actor,
                               invited=link.purpose == INVITATION), status


def _show_over() -> tuple[str, int]:
    """One page for a token that never was, was used, is replaced or too old."""
    return render_template("accounts/link_over.html"), 404


@blueprint.get("/join")
def show_join() -> tuple[str, int]:
    """The form for the password, where the link works."""
    link = _find_link()
    return _show_over() if link is None else _show(link, JoinForm())


@blueprint.post("/join")
def join() -> tuple[str, int] | BaseResponse:
    """Set the password; whoever was signed in here is no longer."""
    form, link = JoinForm(), _find_link()
    if link is None:
        return _show_over()
    with force_locale(_get_language(link)):
        if not form.validate():
            return _show(link, form, 422)
        return _set_password(link, form)


def _set_password(link: OpenLink, form: JoinForm) -> tuple[str, int] | BaseResponse:
    try:
        with writing() as unit:
            links.use_link(unit, token=str(session.get(_TOKEN, "")), password=form.password.data, now=now())
    except AccountError as refusal:
        if refusal.code == "over":
            return _show_over()
        form.password.errors = [_("Choose another password: not your e-mail address, 12 to 200 characters.")]
        return _show(link, form, 422)
    logout_user()
    session.clear()
    flash(_("Your password is set. Sign in with it."))
    return redirect(url_for("accounts.show_sign_in"), 303)
