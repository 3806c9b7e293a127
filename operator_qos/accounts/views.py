"""Signing in and out, the reader's language, one's own account."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask_babel import force_locale
from flask_login import UserMixin, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.accounts import service
from operator_qos.accounts.actors import Actor
from operator_qos.accounts.forms import PasswordForm, ProfileForm, SignInForm
from operator_qos.accounts.queries import find_sign_in
from operator_qos.extensions import attempts, get_sign_in_account, get_sign_in_limit, login_manager
from operator_qos.i18n import LANGUAGES
from operator_qos.i18n import gettext as _
from operator_qos.navigation import get_home
from operator_qos.permissions import EVERYONE, current_actor, find_actor, people, public
from operator_qos.web import LANGUAGE_COOKIE, get_session, get_site, now, safe_next, writing

blueprint = Blueprint("accounts", __name__)
PERMISSIONS = {
    "accounts.show_sign_in": public(),
    "accounts.sign_in": public(),
    "accounts.sign_out": people(*EVERYONE),
    "accounts.choose_language": public(),
    "accounts.show_account": people(*EVERYONE, tenant="one's own account only"),
    "accounts.change_profile": people(*EVERYONE, tenant="one's own account only"),
    "accounts.change_password": people(*EVERYONE, tenant="one's own account only"),
}
YEAR_SECONDS = 31_536_000


@dataclass(frozen=True)
class SessionUser(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """The person as Flask-Login knows them; the epoch ends sessions older than the password."""

    actor: Actor
    epoch: int

    def get_id(self) -> str:
        """What the session keeps."""
        return f"{self.actor.user_id}:{self.epoch}"


def load_user(session_id: str) -> SessionUser | None:
    """The person of a session, if the account is active and the session newer than its password."""
    user_id, _colon, epoch = session_id.partition(":")
    if not (user_id.isdecimal() and epoch.isdecimal()):
        return None
    found = find_sign_in(get_session(), int(user_id))
    if found is None or found.session_epoch != int(epoch):
        return None
    return SessionUser(found.actor, found.session_epoch)


login_manager.user_loader(load_user)


def _start_session(actor: Actor, epoch: int) -> None:
    # Nothing of a stranger's session goes on, its form token included.
    session.clear()
    session.permanent = True
    login_user(SessionUser(actor, epoch))


def _render_sign_in(form: SignInForm, status: int = 200) -> tuple[str, int]:
    return render_template("accounts/sign_in.html", form=form), status


@blueprint.get("/login", endpoint="show_sign_in")
def show_sign_in() -> tuple[str, int] | BaseResponse:
    """The sign-in form; who is signed in goes on at once."""
    actor = find_actor()
    if actor is not None:
        return redirect(safe_next(request.args.get("next"), get_home(actor)))
    return _render_sign_in(SignInForm())


def _failed(response: Response) -> bool:
    return response.status_code == 422


@blueprint.post("/login", endpoint="sign_in")
@attempts.limit(get_sign_in_limit, deduct_when=_failed)
@attempts.limit(get_sign_in_limit, key_func=get_sign_in_account, deduct_when=_failed)
def sign_in() -> tuple[str, int] | BaseResponse:
    """Check address and password; the answer is the same whether the account exists or not."""
    form = SignInForm()
    if not form.validate():
        return _render_sign_in(form, 422)
    found = service.sign_in(get_session(), email=form.email.data, password=form.password.data)
    if found is None:
        form.form_errors.append(_("Address and password do not fit. Check both and try again."))
        return _render_sign_in(form, 422)
    if found.has_old_hash:
        with writing() as unit:
            service.renew_hash(unit, email=found.actor.email, password=form.password.data)
    _start_session(found.actor, found.session_epoch)
    return redirect(safe_next(request.args.get("next"), get_home(found.actor)))


@blueprint.post("/logout")
def sign_out() -> BaseResponse:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("accounts.show_sign_in"))


@blueprint.post("/language")
def choose_language() -> BaseResponse:
    """Keep the reader's language, in the account when there is one."""
    chosen = request.form.get("language", "")
    answer = redirect(safe_next(request.form.get("next"), "/"))
    if chosen not in LANGUAGES:
        return answer
    actor = find_actor()
    if actor is not None and actor.language != chosen:
        with writing() as unit:
            service.change_profile(unit, name=actor.name, language=chosen, actor=actor, now=now())
    secure = get_site().settings.secure_cookies
    answer.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=YEAR_SECONDS, secure=secure, httponly=True, samesite="Lax"
    )
    return answer


def _render_account(
    *, profile: ProfileForm | None = None, password: PasswordForm | None = None, status: int = 200
) -> tuple[str, int]:
    actor = current_actor()
    shown = profile or ProfileForm(formdata=None, name=actor.name, language=actor.language)
    secret = password or PasswordForm(formdata=None)
    return render_template("accounts/account.html", profile=shown, password=secret), status


@blueprint.get("/account")
def show_account() -> tuple[str, int]:
    """Name, language and password of the person signed in."""
    return _render_account()


@blueprint.post("/account/profile")
def change_profile() -> tuple[str, int] | BaseResponse:
    """Keep name and language."""
    form = ProfileForm()
    if not form.validate():
        return _render_account(profile=form, status=422)
    with writing() as unit:
        service.change_profile(
            unit, name=form.name.data, language=form.language.data, actor=current_actor(), now=now()
        )
    with force_locale(form.language.data):
        flash(_("Your name and language are saved."))
    return redirect(url_for("accounts.show_account"))


def _show_refusal(form: PasswordForm, refusal: service.AccountError) -> None:
    if refusal.code == "wrong":
        form.current.errors = [_("This is not your current password.")]
    else:
        form.password.errors = [_("Choose another password: not your e-mail address, 12 to 200 characters.")]


@blueprint.post("/account/password")
@attempts.limit(get_sign_in_limit, deduct_when=_failed)
def change_password() -> tuple[str, int] | BaseResponse:
    """Change the password; sessions elsewhere end, this one goes on."""
    form, actor = PasswordForm(), current_actor()
    if not form.validate():
        return _render_account(password=form, status=422)
    try:
        with writing() as unit:
            epoch = service.change_password(
                unit, current=form.current.data, new=form.password.data, actor=actor, now=now()
            )
    except service.AccountError as refusal:
        _show_refusal(form, refusal)
        return _render_account(password=form, status=422)
    _start_session(actor, epoch)
    flash(_("Your password is changed. You are signed out everywhere else."))
    return redirect(url_for("accounts.show_account"))
