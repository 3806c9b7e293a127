"""How one wants to be told, and the operator's pages on mails: what could not be delivered, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.audit.service import append_audit
from operator_qos.i18n import gettext as _
from operator_qos.i18n import lazy_gettext
from operator_qos.notices import queries, service, wording
from operator_qos.notices.mail import BASE_URL, LANGUAGES, NoticeText, list_topics, read_our_words
from operator_qos.notices.rules import GROUPS, NOW, WAYS, Preferences, read_minute, write_minute
from operator_qos.permissions import ADMIN, EVERYONE, OPERATOR, current_actor, people
from operator_qos.web import get_session, get_site, now, writing

blueprint = Blueprint("notices", __name__)
_OWN = "one's own choices only"
PERMISSIONS = {
    "notices.show_preferences": people(*EVERYONE, tenant=_OWN),
    "notices.save_preferences": people(*EVERYONE, tenant=_OWN),
    "notices.show_mails": people(*OPERATOR),
    "notices.requeue_mail": people(*OPERATOR),
    "notices.list_texts": people(*OPERATOR),
    "notices.show_text": people(*OPERATOR),
    "notices.save_text": people(*ADMIN),
    "notices.reset_text": people(*ADMIN),
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


# Their words


@blueprint.get("/operator/texts/mails")
def list_texts() -> str:
    """Every text in every language, and whose words are said."""
    return render_template("notices/texts.html", rows=wording.list_wordings(get_session()))


def _check_text(topic: str, language: str) -> None:
    if topic not in list_topics("en") or language not in LANGUAGES:
        raise NotFound


def _render_text(
    topic: str, language: str, text: str | None = None, *, said: NoticeText | None = None,
    error: wording.WordingError | None = None, status: int = 200,
) -> tuple[str, int]:
    session = get_session()
    versions = wording.list_wording_versions(session, topic, language)
    ours = read_our_words(topic, language)
    own = versions[0].text if versions else ""
    return render_template(
        "notices/text.html", topic=topic, text_language=language, text=text if text is not None else own or ours,
        is_own=bool(own), ours=ours, versions=versions, said=said, error=error, problem=_say_wording(error),
        placeholders=wording.list_placeholders(topic), may_save=current_actor().role in ADMIN,
        has_example=wording.find_example(session, topic) is not None, base_url=(BASE_URL, get_site().settings.base_url),
    ), status


def _say_wording(error: wording.WordingError | None) -> str:
    if error is None:
        return ""
    where = _("Line %(n)s: ", n=error.line) if error.line else ""
    return str(where) + str({
        "long": _("The text is too long."),
        "placeholder": _("it names something this notice does not know. The names it knows stand below."),
        "empty": _("The first line is the subject; the text follows after an empty line."),
    }.get(error.code, error))


@blueprint.get("/operator/texts/mails/<topic>/<text_language>")
def show_text(topic: str, text_language: str) -> tuple[str, int]:
    """One text, what it may name, its versions; an older one with `?version=`, ours with 0."""
    _check_text(topic, text_language)
    versions = wording.list_wording_versions(get_session(), topic, text_language)
    asked = request.args.get("version", type=int)
    chosen = next((old.text for old in versions if old.version == asked and old.text), None)
    if asked == 0:
        chosen = read_our_words(topic, text_language)
    return _try_text(topic, text_language, chosen)


def _try_text(topic: str, language: str, text: str | None, status: int = 200) -> tuple[str, int]:
    shown = text if text is not None else _find_said(topic, language)
    try:
        said = wording.preview(get_session(), topic, language, shown, name=current_actor().name)
    except wording.WordingError as error:
        return _render_text(topic, language, text, error=error if text is not None else None, status=status)
    return _render_text(topic, language, text, said=said, status=status)


def _find_said(topic: str, language: str) -> str:
    versions = wording.list_wording_versions(get_session(), topic, language)
    return (versions[0].text if versions else "") or read_our_words(topic, language)


@blueprint.post("/operator/texts/mails/<topic>/<text_language>")
def save_text(topic: str, text_language: str) -> tuple[str, int] | BaseResponse:
    """Show how a text reads, or keep it; a mistake is said and the text stays on the page."""
    _check_text(topic, text_language)
    text = request.form.get("text", "").replace("\r\n", "\n")
    if request.form.get("do") != "save":
        return _try_text(topic, text_language, text)
    try:
        with writing() as session:
            wording.save_wording(session, topic=topic, language=text_language, text=text, actor=current_actor().email,
                                 now=now(), name=current_actor().name)
    except wording.WordingError as error:
        return _render_text(topic, text_language, text, error=error, status=422)
    flash(_("Kept. It is said from the next mail on."))
    return redirect(url_for("notices.show_text", topic=topic, text_language=text_language), 303)


@blueprint.post("/operator/texts/mails/<topic>/<text_language>/ours")
def reset_text(topic: str, text_language: str) -> BaseResponse:
    """Say it in our words again."""
    _check_text(topic, text_language)
    with writing() as session:
        wording.give_ours_back(session, topic=topic, language=text_language, actor=current_actor().email, now=now())
    flash(_("Our words are said again. Yours are kept below."))
    return redirect(url_for("notices.show_text", topic=topic, text_language=text_language), 303)
