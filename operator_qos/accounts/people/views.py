"""The operator's page of all people, and a company's page of its own; the acts on both are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.accounts.people import queries, service
from operator_qos.accounts.people.forms import InviteForm, TeamForm
from operator_qos.accounts.people.queries import WantedPeople
from operator_qos.accounts.people.words import OTHER_ROLES, ROLE_NAMES, SIDE_NAMES
from operator_qos.accounts.service import AccountError, NewUser
from operator_qos.extensions import attempts
from operator_qos.i18n import LANGUAGE_NAMES
from operator_qos.i18n import gettext as _
from operator_qos.permissions import ADMIN, OPERATOR, SELLER, current_actor, find_actor, people
from operator_qos.web import get_language, get_session, now, read_page, writing

blueprint = Blueprint("people", __name__)
_OWN = "people of one's own company; another one's are the 404 of a missing one"
OWNER = ("seller_owner",)
ACTS = ("invite", "invite_again", "change_role", "close", "reopen")
PERMISSIONS = {
    "people.show_people": people(*OPERATOR),
    "people.show_team": people(*SELLER, tenant=_OWN),
    **{f"people.{act}": people(*ADMIN) for act in ACTS},
    **{f"people.team_{act}": people(*OWNER, tenant=_OWN) for act in ACTS},
}
# Nobody invites more in earnest, and nobody floods strangers with mails of ours.
MAILS = "60 per hour"


@blueprint.get("/operator/people")
def show_people() -> tuple[str, int]:
    """Everybody with an account, and for administrators the form to invite somebody."""
    return _show()


@blueprint.get("/seller/team")
def show_team() -> tuple[str, int]:
    """The people of one's own company, and for owners the form to invite somebody."""
    return _show()


def _make_form() -> InviteForm:
    kind = InviteForm if current_actor().is_operator else TeamForm
    return kind(formdata=None, language=get_language(), role="analyst" if kind is InviteForm else "seller_staff")


def _show(form: InviteForm | None = None, problem: str = "", status: int = 200) -> tuple[str, int]:
    actor, session = current_actor(), get_session()
    if not actor.is_operator and actor.seller_id is None:
        raise NotFound
    wanted = WantedPeople(actor.seller_id, request.args.get("side", ""), request.args.get("q", "").strip()[:200])
    page = read_page(queries.count_people(session, wanted))
    rows = queries.list_people(session, wanted, now=now(), limit=page.size, offset=page.offset)
    return render_template(
        "accounts/people.html", home=_find_home(),
        page_url=lambda number: _find_home(q=wanted.text or None, side=wanted.side or None, page=number), rows=rows,
        page=page, wanted=wanted, problem=problem, form=form or _make_form(),
        may_act=actor.role in {*ADMIN, *OWNER}, act="people." if actor.is_operator else "people.team_",
        roles=ROLE_NAMES, other_roles=OTHER_ROLES, sides=SIDE_NAMES, languages=LANGUAGE_NAMES), status


def _find_home(**asked: Any) -> str:
    # Also the page of a refused act leads back to the list, and on through it.
    return url_for("people.show_people" if current_actor().is_operator else "people.show_team", **asked)


def _back() -> BaseResponse:
    return redirect(_find_home(), 303)


def _say(error: AccountError) -> str:
    said = {
        "taken": _("This address has an account already. Look for it in the list; one of another company stays there."),
        "no_email": _("This is no e-mail address. Write one like ines@shop.example."),
        "mismatch": _("Owners and staff of a seller need the code of their company, others have none."),
        "self": _("Nobody closes or changes their own account. Ask somebody with the same rights."),
        "last": _("Nobody else could do this work then. Invite somebody first, and wait until they have a password."),
        "joined": _("This person has a password, or the account is closed. A new password comes by the sign-in page."),
    }
    if (error.field, error.code) == ("seller", "unknown"):
        return str(_("There is no company with this code. Its code stands on the pages of its shops and in exports."))
    return str(said.get(error.code, _("This cannot be done: check the fields.")))


def _get_sender() -> str:
    actor = find_actor()
    return f"mails:{actor.user_id if actor else 0}"


def _was_sent(response: BaseResponse) -> bool:
    return response.status_code == 303


def invite() -> tuple[str, int] | BaseResponse:
    """Add a person who chooses a password by a mailed link."""
    actor = current_actor()
    form = (InviteForm if actor.is_operator else TeamForm)()
    if not form.validate():
        return _show(form, status=422)
    new = NewUser(form.email.data, "", form.name.data, form.role.data, form.language.data,
                  (form.seller.data or "").strip() or None if form.seller else None)
    try:
        with writing() as session:
            service.invite_person(session, new, actor=actor, now=now())
    except AccountError as error:
        return _show_refused(form, error)
    flash(_("Invited: the mail with the link leaves within a minute, and the link works for seven days."))
    return _back()


def _show_refused(form: InviteForm, error: AccountError) -> tuple[str, int]:
    field = getattr(form, error.field, None)
    if field is None:
        return _show(form, _say(error), 422)
    field.errors = [_say(error)]
    return _show(form, status=422)


def _do(act: Callable[[Session], str], said: str) -> tuple[str, int] | BaseResponse:
    try:
        with writing() as session:
            email = act(session)
    except AccountError as error:
        if error.code == "unknown":
            raise NotFound from None
        return _show(problem=_say(error), status=422)
    flash(f"{email}{_(': ')}{said}")
    return _back()


def invite_again(user_id: int) -> tuple[str, int] | BaseResponse:
    """Mail a new invitation; the one before it ends."""
    return _do(lambda session: service.invite_again(session, user_id=user_id, actor=current_actor(), now=now()),
               _("a new invitation is on its way, the earlier one no longer works."))


def change_role(user_id: int) -> tuple[str, int] | BaseResponse:
    """Give another role of the same side."""
    role = request.form.get("role", "")
    return _do(lambda session: service.change_role(
        session, user_id=user_id, role=role, actor=current_actor(), now=now()), _("the role is changed."))


def close(user_id: int) -> tuple[str, int] | BaseResponse:
    """Close an account; what the person did stays."""
    return _do(lambda session: service.close_account(session, user_id=user_id, actor=current_actor(), now=now()),
               _("the account is closed and signed out everywhere. What the person did stays."))


def reopen(user_id: int) -> tuple[str, int] | BaseResponse:
    """Open an account again."""
    return _do(lambda session: service.reopen_account(session, user_id=user_id, actor=current_actor(), now=now()),
               _("the account is open again, with the password it had."))


_throttled = attempts.shared_limit(MAILS, scope="people.mails", key_func=_get_sender, deduct_when=_was_sent)
_VIEWS: Mapping[str, tuple[str, Callable[..., Any]]] = {
    "invite": ("", _throttled(invite)),
    "invite_again": ("/<int:user_id>/invite", _throttled(invite_again)),
    "change_role": ("/<int:user_id>/role", change_role),
    "close": ("/<int:user_id>/close", close),
    "reopen": ("/<int:user_id>/reopen", reopen),
}
for _name, (_path, _view) in _VIEWS.items():
    for _base, _start in (("/operator/people", ""), ("/seller/team", "team_")):
        blueprint.add_url_rule(_base + _path, endpoint=_start + _name, view_func=_view, methods=["POST"])
