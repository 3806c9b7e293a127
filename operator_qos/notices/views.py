"""How one wants to be told, and the operator's pages on mails: what could not be delivered, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.audit.service import append_audit
from operator_qos.notices import queries, service
from operator_qos.notices.rules import GROUPS, NOW, WAYS, Preferences, read_minute, write_minute
from operator_qos.permissions import EVERYONE, OPERATOR, current_actor, people
from operator_qos.web import get_session, now, writing

blueprint = Blueprint("notices", __name__)
_OWN = "one's own choices only"
PERMISSIONS = {
    "notices.show_preferences": people(*EVERYONE, tenant=_OWN),
    "notices.save_preferences": people(*EVERYONE, tenant=_OWN),
    "notices.show_mails": people(*OPERATOR),
    "notices.requeue_mail": people(*OPERATOR),
}
GROUP_NAMES: Mapping[str, object] = {
    "standing": lazy_gettext("Levels, badges and warnings"),
    "disputes": lazy_gettext("Disputes"),
    "recourse": lazy_gettext("Requests, appeals and plans"),
    "other": lazy_gettext("Everything else"),
}
WAY_NAMES: Mapping[str, object] = {
    "now": lazy_gettext("a mail at once"), "digest": lazy_gettext("in the daily mail"),
    "feed": lazy_gettext("here only, no mail"),
}


def _render(chosen: Preferences, problem: str = "", status: int = 200) -> tuple[str, int]:
    return render_template(
        "notices/preferences.html", chosen=chosen, groups=GROUPS, group_names=GROUP_NAMES, ways=WAYS,
        way_names=WAY_NAMES, minute=write_minute, zones=sorted(available_timezones()), problem=problem, at_once=NOW,
    ), status


@blueprint.get("/account/notices")
def show_preferences() -> tuple[str, int]:
    """How the person signed in is told of what."""
    return _render(queries.get_preferences(get_session(), current_actor().user_id))


@blueprint.post("/account/notices")
def save_preferences() -> tuple[str, int] | BaseResponse:
    """Keep it; a mistake is said and what was chosen stays on the page."""
    chosen, problem = _read_form()
    if problem:
        return _render(chosen, problem, 422)
    try:
        with writing() as session:
            service.save_preferences(session, user_id=current_actor().user_id, chosen=chosen, now=now())
    except service.PreferenceError as error:
        return _render(chosen, _say(error), 422)
    flash(_("Kept. It holds for what happens from now on."))
    return redirect(url_for("notices.show_preferences"), 303)


def _read_form() -> tuple[Preferences, str]:
    """What was chosen, and what is wrong with the times."""
    sent = request.form
    times = {name: sent.get(name, "").strip() for name in ("digest", "quiet_from", "quiet_to")}
    minutes = {name: read_minute(text) for name, text in times.items()}
    wrong = any(text and minutes[name] is None for name, text in times.items()) or minutes["digest"] is None
    ways = {group: sent.get(f"way_{group}", NOW) for group in GROUPS}
    chosen = Preferences(ways, minutes["digest"] or 0, minutes["quiet_from"], minutes["quiet_to"], sent.get("zone", ""))
    return chosen, _("Write times of day like 07:30.") if wrong else ""


def _say(error: service.PreferenceError) -> str:
    return str({
        "quiet": _("Quiet hours need a beginning and an end. Leave both empty for none."),
        "zone": _("Choose a time zone of the list, like Europe/Paris."),
    }.get(error.field, _("Choose one way for each kind of notice.")))


@blueprint.get("/operator/mails")
def show_mails() -> str:
    """Mails that were given up, with why, and how many wait."""
    session = get_session()
    return render_template("notices/mails.html", mails=queries.list_mails(session, state="dead"),
                           counts=queries.count_mails(session))


@blueprint.post("/operator/mails/<int:mail_id>/again")
def requeue_mail(mail_id: int) -> BaseResponse:
    """Give a mail that was given up another round of attempts."""
    with writing() as session:
        done = service.requeue_mail(session, mail_id=mail_id, now=now())
        if done:
            append_audit(session, actor=current_actor().email, now=now(), action="mail.requeued",
                         subject=f"mail:{mail_id}")
    flash(_("It is sent again, up to six times.") if done else _("It waits already, or was sent."))
    return redirect(url_for("notices.show_mails"), 303)
