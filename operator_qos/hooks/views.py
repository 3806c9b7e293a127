"""The operator's page of webhooks: who is told what, what was given up, and telling it again."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.hooks import queries, service
from operator_qos.hooks.rules import TOPICS
from operator_qos.i18n import gettext as _
from operator_qos.i18n import lazy_gettext
from operator_qos.permissions import ADMIN, current_actor, people
from operator_qos.web import get_session, now, writing

blueprint = Blueprint("hooks", __name__)
PERMISSIONS = {
    "hooks.show_hooks": people(*ADMIN),
    "hooks.move_hooks": people(*ADMIN),
    "hooks.add_hook": people(*ADMIN),
    "hooks.stop_hook": people(*ADMIN),
    "hooks.requeue_call": people(*ADMIN),
}
TOPIC_NAMES: Mapping[str, object] = {
    "dispute": lazy_gettext("steps of disputes"),
    "standing": lazy_gettext("changes of standing"),
    "act": lazy_gettext("acts asked for, in force, undone"),
    "statement": lazy_gettext("statements of reasons"),
}


@blueprint.get("/operator/hooks")
def show_hooks() -> str:
    """The addresses that are told what happens, and the calls that were given up."""
    session = get_session()
    return render_template(
        "hooks/list.html", hooks=queries.list_hooks(session), dead=queries.list_calls(session, state="dead"),
        places=queries.list_marketplace_names(session), topics=TOPICS, topic_names=TOPIC_NAMES)


@blueprint.get("/operator/disputes/hooks")
def move_hooks() -> BaseResponse:
    """Where the page was when only disputes were told."""
    return redirect(url_for("hooks.show_hooks"), 301)


@blueprint.post("/operator/hooks")
def add_hook() -> BaseResponse:
    """Tell an address from now on; its secret is shown once."""
    try:
        with writing() as session:
            secret = service.add_hook(
                session, marketplace_id=request.form.get("marketplace", ""), url=request.form.get("url", "").strip(),
                topics=request.form.getlist("topic"), actor=current_actor().email, now=now()).secret
        flash(_("Added. Check the calls' signatures with this secret, shown only now: %(secret)s", secret=secret))
    except service.HookError:
        flash(_("This is no address or no marketplace. Write it like https://example.org/hooks."))
    return redirect(url_for("hooks.show_hooks"), 303)


@blueprint.post("/operator/hooks/<int:hook_id>/stop")
def stop_hook(hook_id: int) -> BaseResponse:
    """Tell an address nothing more."""
    with writing() as session:
        service.stop_hook(session, hook_id=hook_id, actor=current_actor().email, now=now())
    flash(_("This address is told nothing more."))
    return redirect(url_for("hooks.show_hooks"), 303)


@blueprint.post("/operator/hooks/calls/<int:call_id>/again")
def requeue_call(call_id: int) -> BaseResponse:
    """Make a call that was given up again."""
    with writing() as session:
        done = service.requeue_call(session, call_id=call_id, actor=current_actor().email, now=now())
    flash(_("It is told again, up to six times.") if done else _("It cannot be told again: it waits already, or its "
                                                                 "address was stopped."))
    return redirect(url_for("hooks.show_hooks"), 303)
