"""Around the disputes: the rules drawn, policies, texts to start from, and the operator's report."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos import words
from operator_qos.disputes import diagram, publishing, queries, reports, rules
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.forms import REMEDY_NAMES, input_error
from operator_qos.disputes.mailing import receiving
from operator_qos.disputes.office import queries as office
from operator_qos.disputes.own_promises import read_own_promises
from operator_qos.disputes.phrases import action_name, limit_name, mail_reason_name
from operator_qos.disputes.policies import NOTICE_DAYS, PRESETS, PolicyError, load_preset_policy, read_preset_text
from operator_qos.disputes.policy_book import Version
from operator_qos.i18n import gettext as _
from operator_qos.permissions import ADMIN, EVERYONE, MEDIATOR, OPERATOR, SELLER, current_actor, people
from operator_qos.web import get_language, get_session, get_site, now, writing

blueprint = Blueprint("office", __name__)
_OWN = "texts of one's own company"
PERMISSIONS = {
    "office.show_rules": people(*EVERYONE),
    "office.show_policy": people(*EVERYONE),
    "office.publish_policy": people(*ADMIN),
    "office.show_report": people(*OPERATOR),
    "office.show_mails": people(*OPERATOR),
    "office.drop_mail": people(*OPERATOR),
    "office.show_own_texts": people(*SELLER, tenant=_OWN),
    "office.save_own_text": people(*SELLER, tenant=_OWN),
    "office.delete_own_text": people(*SELLER, tenant=_OWN),
    "office.show_texts": people(*MEDIATOR),
    "office.save_text": people(*MEDIATOR),
    "office.delete_text": people(*MEDIATOR),
}
REPORT_DAYS = (30, 90, 365)


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    return {"words": words, "limit_name": limit_name, "action_name": action_name, "remedies": REMEDY_NAMES}


@blueprint.get("/disputes/rules")
def show_rules() -> str:
    """Who may do what in which state, drawn and as the table that decides."""
    return render_template(
        "disputes/rules.html", drawing=diagram.draw_states(), actions=rules.ACTIONS, states=rules.STATES,
        width=diagram.WIDTH, height=diagram.HEIGHT, box=(diagram.BOX_WIDTH, diagram.BOX_HEIGHT))


def _render_policy(
    *, text: str = "", error: PolicyError | None = None, status: int = 200
) -> tuple[str, int]:
    marketplaces = office.list_policy_places(get_session(), now=now())
    asked = request.values.get("marketplace")
    place = next((p for p in marketplaces if p.id == asked), next(iter(marketplaces), None))
    preset = request.args.get("preset", "")
    start = text or (read_preset_text(preset) if preset in PRESETS else "")
    return render_template(
        "disputes/policy.html", places=marketplaces, place=place, presets=[load_preset_policy(p) for p in PRESETS],
        start=start, error=error, problems=rules.PROBLEMS, may_publish=current_actor().role in ADMIN,
        notice_days=NOTICE_DAYS, coming=_list_coming(place),
    ), status


def _list_coming(place: office.PolicyPlace | None) -> list[tuple[Version, list[publishing.Change]]]:
    """Versions that do not hold yet, each with what it changes against the one in force."""
    if place is None:
        return []
    today = now().astimezone(ZoneInfo(place.zone)).date()
    later = [version for version in place.versions if version.effective_from > today]
    return [(version, publishing.list_changes(place.in_force, version.policy)) for version in later]


@blueprint.get("/disputes/policy")
def show_policy() -> tuple[str, int]:
    """The policy of a marketplace, its versions, and those that are shipped."""
    return _render_policy()


@blueprint.post("/disputes/policy")
def publish_policy() -> tuple[str, int] | BaseResponse:
    """Publish a new version; a mistake is shown with its place and the text stays."""
    text, marketplace = request.form.get("text", ""), request.form.get("marketplace", "")
    place = next((p for p in office.list_policy_places(get_session(), now=now()) if p.id == marketplace), None)
    try:
        if place is None:
            raise PolicyError("marketplace", f"{marketplace!r} is unknown")
        with writing() as session:
            publishing.publish_policy(
                session, marketplace_id=marketplace, zone=place.zone, text=text, actor=_act_as(), now=now(),
                is_first=not place.versions and not place.has_disputes)
    except PolicyError as error:
        return _render_policy(text=text, error=error, status=400)
    flash(_("Published. It holds for disputes opened from its first day on."))
    return redirect(url_for("office.show_policy", marketplace=marketplace), 303)


def _act_as() -> Actor:
    actor = current_actor()
    return Actor("operator", actor.email, actor.user_id)


@blueprint.get("/operator/disputes/report")
def show_report() -> str:
    """The mediation in numbers."""
    asked = request.args.get("days", 90, type=int) or 90
    days = asked if asked in REPORT_DAYS else 90
    report = reports.read_report(get_session(), since=now() - timedelta(days=days), until=now())
    own = read_own_promises(get_session(), since=report.since, until=report.until)
    return render_template("disputes/report.html", report=report, own=own, days=days, choices=REPORT_DAYS)


# Answers by mail


@blueprint.get("/operator/disputes/mails")
def show_mails() -> str:
    """Answers by mail that could not be taken, and why."""
    return render_template(
        "disputes/mails.html", mails=receiving.list_set_aside(get_session()), reason_name=mail_reason_name,
        takes_mail=bool(get_site().settings.reply_address))


@blueprint.post("/operator/disputes/mails/<int:mail_id>/drop")
def drop_mail(mail_id: int) -> BaseResponse:
    """Forget one."""
    with writing() as session:
        receiving.drop_mail(session, mail_id=mail_id)
    flash(_("Deleted."))
    return redirect(url_for("office.show_mails"), 303)


# Texts to start from


def _render_texts(seller_id: int | None, endpoints: tuple[str, str], menu: str, status: int = 200) -> tuple[str, int]:
    return render_template(
        "disputes/texts.html", texts=queries.list_templates(get_session(), seller_id=seller_id), save=endpoints[0],
        delete=endpoints[1], back=menu, language=get_language(), typed=request.form,
    ), status


_SELLERS = ("office.save_own_text", "office.delete_own_text")
_MEDIATORS = ("office.save_text", "office.delete_text")


def _save(seller_id: int | None, endpoints: tuple[str, str], page: str) -> tuple[str, int] | BaseResponse:
    try:
        with writing() as session:
            publishing.save_text(session, seller_id=seller_id, name=request.form.get("name", ""),
                                 body=request.form.get("body", ""))
    except DisputeInputError as error:
        flash(input_error(error.code))
        return _render_texts(seller_id, endpoints, page, 400)
    flash(_("Kept."))
    return redirect(url_for(page), 303)


def _delete(seller_id: int | None, text_id: int, page: str) -> BaseResponse:
    with writing() as session:
        publishing.delete_text(session, seller_id=seller_id, text_id=text_id)
    flash(_("Deleted."))
    return redirect(url_for(page), 303)


@blueprint.get("/seller/disputes/texts")
def show_own_texts() -> tuple[str, int]:
    """The company's own texts."""
    return _render_texts(current_actor().seller_id, _SELLERS, "disputes.list_own")


@blueprint.post("/seller/disputes/texts")
def save_own_text() -> tuple[str, int] | BaseResponse:
    """Keep a text of the company."""
    return _save(current_actor().seller_id, _SELLERS, "office.show_own_texts")


@blueprint.post("/seller/disputes/texts/<int:text_id>/delete")
def delete_own_text(text_id: int) -> BaseResponse:
    """Forget a text of the company."""
    return _delete(current_actor().seller_id, text_id, "office.show_own_texts")


@blueprint.get("/mediator/texts")
def show_texts() -> tuple[str, int]:
    """The mediators' texts for decisions."""
    return _render_texts(None, _MEDIATORS, "disputes.show_queue")


@blueprint.post("/mediator/texts")
def save_text() -> tuple[str, int] | BaseResponse:
    """Keep a text of the mediators."""
    return _save(None, _MEDIATORS, "office.show_texts")


@blueprint.post("/mediator/texts/<int:text_id>/delete")
def delete_text(text_id: int) -> BaseResponse:
    """Forget a text of the mediators."""
    return _delete(None, text_id, "office.show_texts")
