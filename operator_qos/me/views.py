"""The page of a seller's own tools: keys, webhooks and a calendar; and the calendar itself."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import force_locale
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.accounts import seller_keys
from operator_qos.accounts.actors import Actor
from operator_qos.accounts.service import ROTATION, AccountError
from operator_qos.hooks import queries as hooks
from operator_qos.hooks import sellers as seller_hooks
from operator_qos.hooks.rules import SELLER_TOPICS
from operator_qos.hooks.service import HookError
from operator_qos.i18n import gettext as _
from operator_qos.i18n import lazy_gettext
from operator_qos.me import calendars, forms, ical
from operator_qos.me.service import record_changes
from operator_qos.pages import show
from operator_qos.permissions import SELLER, current_actor, people, public
from operator_qos.web import get_language, get_session, get_site, now, writing

blueprint = Blueprint("me", __name__)
_OWN = "keys, addresses and calendars of one's own company; another one is the 404 of a missing one"
PERMISSIONS = {
    **{f"me.{name}": people(*SELLER, tenant=_OWN) for name in (
        "show_tools", "add_key", "replace_key", "revoke_key", "add_hook", "stop_hook", "try_hook", "requeue_call",
        "make_calendar", "end_calendar")},
    "me.send_calendar": public(),
}
SCOPE_NAMES = {"seller_read": lazy_gettext("read"), "seller_answer": lazy_gettext("read and answer")}
TOPIC_NAMES = {
    "obligation": lazy_gettext("what is owed: new, moved, due soon, met, cancelled"),
    "dispute": lazy_gettext("steps of disputes"),
    "standing": lazy_gettext("changes of standing"),
    "statement": lazy_gettext("statements of reasons"),
}


def _get_seller_id() -> int:
    seller_id = current_actor().seller_id
    if seller_id is None:
        raise NotFound
    return seller_id


def _render(error: str = "", status: int = 200) -> tuple[str, int]:
    session, seller_id = get_session(), _get_seller_id()
    return show(
        "me/tools.html", keys=seller_keys.list_seller_keys(session, seller_id), scopes=SCOPE_NAMES, error=error,
        hooks=hooks.list_hooks(session, seller_id=seller_id), calls=hooks.list_sellers_calls(session, seller_id),
        topics=SELLER_TOPICS, topic_names=TOPIC_NAMES, typed=request.form,
        calendars=calendars.list_calendars(session, current_actor().user_id),
        base_url=get_site().settings.base_url.rstrip("/"),
    ), status


def _back(anchor: str) -> BaseResponse:
    return redirect(url_for("me.show_tools", _anchor=anchor), 303)


@blueprint.get("/seller/tools")
def show_tools() -> tuple[str, int]:
    """Keys, addresses that are told, their last calls, and the calendar."""
    return _render()


# Keys


def _say_key_error(error: AccountError) -> str:
    return str({
        "taken": _("A key of this name exists or existed. Take another name."),
        "many": _("There are %(n)s keys already. End one first.", n=seller_keys.MAX_KEYS),
        "length": _("Give the key a name of 1 to %(n)s characters.", n=seller_keys.LONGEST_LABEL),
    }.get(error.code, _("Choose what the key may do.")))


def _show_secret(key: str) -> None:
    flash(_("Keep this key now, it cannot be shown again: %(key)s", key=key))


@blueprint.post("/seller/tools/keys")
def add_key() -> tuple[str, int] | BaseResponse:
    """Make a key; it is shown once."""
    seller_id, sent = _get_seller_id(), request.form
    try:
        with writing() as session:
            key = seller_keys.create_seller_key(session, seller_id=seller_id, label=sent.get("label", ""),
                                                scope=sent.get("scope", ""), actor=current_actor().email, now=now())
            record_changes(session, seller_id=seller_id, now=now())
    except AccountError as error:
        return _render(_say_key_error(error), 422)
    _show_secret(key)
    return _back("h-keys")


@blueprint.post("/seller/tools/keys/<int:key_id>/replace")
def replace_key(key_id: int) -> BaseResponse:
    """Give a key a new secret, shown once; the old one goes on for a week."""
    seller_id = _get_seller_id()
    try:
        with writing() as session:
            key = seller_keys.replace_seller_key(session, seller_id=seller_id, key_id=min(key_id, 2**31 - 1),
                                                 actor=current_actor().email, now=now())
    except AccountError:
        raise NotFound from None
    _show_secret(key)
    flash(_("The key before it goes on for %(days)s days, so that you can change your programs.", days=ROTATION.days))
    return _back("h-keys")


@blueprint.post("/seller/tools/keys/<int:key_id>/end")
def revoke_key(key_id: int) -> BaseResponse:
    """End a key for good."""
    seller_id = _get_seller_id()
    try:
        with writing() as session:
            seller_keys.revoke_seller_key(session, seller_id=seller_id, key_id=min(key_id, 2**31 - 1),
                                          actor=current_actor().email, now=now())
    except AccountError:
        raise NotFound from None
    flash(_("The key no longer works."))
    return _back("h-keys")


# Webhooks


def _is_trusted(url: str) -> bool:
    try:
        return urlsplit(url).hostname in get_site().settings.trusted_hosts
    except ValueError:
        return False


@blueprint.post("/seller/tools/hooks")
def add_hook() -> tuple[str, int] | BaseResponse:
    """Tell an address from now on; its secret is shown once."""
    seller_id, url = _get_seller_id(), request.form.get("url", "").strip()
    try:
        with writing() as session:
            secret = seller_hooks.add_seller_hook(
                session, seller_id=seller_id, url=url, topics=request.form.getlist("topic"),
                allows_plain=_is_trusted(url), actor=current_actor().email, now=now()).secret
            record_changes(session, seller_id=seller_id, now=now())
    except HookError:
        return _render(_("This address cannot be called, or there are %(n)s already. Write it like "
                         "https://example.org/hooks.", n=seller_hooks.MAX_HOOKS), 422)
    flash(_("Added. Check the calls' signatures with this secret, shown only now: %(secret)s", secret=secret))
    return _back("h-hooks")


@blueprint.post("/seller/tools/hooks/<int:hook_id>/stop")
def stop_hook(hook_id: int) -> BaseResponse:
    """Tell an address nothing more."""
    with writing() as session:
        done = seller_hooks.stop_seller_hook(session, seller_id=_get_seller_id(), hook_id=hook_id,
                                             actor=current_actor().email, now=now())
    if not done:
        raise NotFound
    flash(_("This address is told nothing more."))
    return _back("h-hooks")


@blueprint.post("/seller/tools/hooks/<int:hook_id>/try")
def try_hook(hook_id: int) -> BaseResponse:
    """Call an address once for a test."""
    with writing() as session:
        if not seller_hooks.try_seller_hook(session, seller_id=_get_seller_id(), hook_id=hook_id, now=now()):
            raise NotFound
    flash(_("A test is sent within a minute. Its outcome stands under the last calls."))
    return _back("h-calls")


@blueprint.post("/seller/tools/calls/<int:call_id>/again")
def requeue_call(call_id: int) -> BaseResponse:
    """Make a call that was given up again."""
    with writing() as session:
        done = seller_hooks.requeue_seller_call(session, seller_id=_get_seller_id(), call_id=call_id,
                                                actor=current_actor().email, now=now())
    if not done:
        raise NotFound
    flash(_("It is told again, up to six times."))
    return _back("h-calls")


# The calendar


@blueprint.post("/seller/tools/calendar")
def make_calendar() -> BaseResponse:
    """Make the address of one's own calendar, shown once; an earlier one ends."""
    with writing() as session:
        token = calendars.make_calendar(session, actor=current_actor(), now=now())
        record_changes(session, seller_id=_get_seller_id(), now=now())
    address = forms.to_address(url_for("me.send_calendar", token=token))
    flash(_("Subscribe to this address in your calendar program. It is shown only now: %(address)s", address=address))
    return _back("h-calendar")


@blueprint.post("/seller/tools/calendar/end")
def end_calendar() -> BaseResponse:
    """Take the address of one's calendar back."""
    with writing() as session:
        calendars.revoke_calendars(session, actor=current_actor(), now=now())
    flash(_("The calendar's address no longer works."))
    return _back("h-calendar")


@blueprint.get("/seller/calendar/<token>.ics")
def send_calendar(token: str) -> Response:
    """Every deadline of the shops of whoever made this address; what ended lately as cancelled."""
    owner = calendars.find_calendar_owner(get_session(), token)
    if owner is None or owner.seller_id is None:
        raise NotFound
    with force_locale(owner.language):
        content = ical.write_calendar(_list_entries(owner), name=_("Deadlines of my shops"), language=get_language())
    answer = Response(content, mimetype="text/calendar")
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.cache_control.private, answer.cache_control.no_cache = True, True
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _list_entries(owner: Actor) -> list[ical.Entry]:
    host = urlsplit(get_site().settings.base_url).hostname or "localhost"
    return forms.list_entries(get_session(), owner, host=host)
