"""Standards on trial for operators: what is on trial where, and what it would have decided beside what was."""

from __future__ import annotations

from collections import Counter
from datetime import date

from flask import Blueprint, abort, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from operator_qos.evaluation.queries import UnknownMarketplaceError
from operator_qos.i18n import gettext as _
from operator_qos.pages import show
from operator_qos.permissions import OPERATOR, current_actor, people
from operator_qos.standards.queries import UnknownVersionError, get_shipped, list_versions
from operator_qos.standards.refusals import say_refusal
from operator_qos.standards.wording import name_levels, name_rules
from operator_qos.trials import queries, service
from operator_qos.web import get_language, get_session, now, writing
from scoring.standards import title_in

blueprint = Blueprint("trials", __name__)
PERMISSIONS = {
    "trials.list_all": people(*OPERATOR),
    "trials.start": people(*OPERATOR),
    "trials.show_trial": people(*OPERATOR),
    "trials.end": people(*OPERATOR),
}
MOST_CHANGES = 200


@blueprint.get("/operator/trials")
def list_all() -> str:
    """Every trial, the form to start one, and what rules on trial would have said."""
    return _list_all()


def _list_all(problem: str = "") -> str:
    session = get_session()
    published = [kept for kept in list_versions(session) if not kept.is_draft and kept.retired_at is None]
    choices = [(f"{kept.standard.id}:{kept.standard.version}", _say_version(kept.standard.title, kept.standard.version))
               for kept in published]
    trials = queries.list_trials(session)
    return show(
        "trials/list.html", trials=trials, choices=choices, marketplaces=queries.list_marketplaces(session),
        problem=problem, today=now().date(), title_of=_title_of, rules=queries.list_rule_changes(
            session, limit=MOST_CHANGES), rule_names=name_rules(*(kept.standard for kept in published)))


@blueprint.post("/operator/trials")
def start() -> tuple[str, int] | Response:
    """Put a version on trial; what stands in the way is told on the page."""
    standard_id, _sep, version = request.form.get("version", "").rpartition(":")
    until = request.form.get("until", "")
    try:
        with writing() as session:
            terms = service.Terms(
                request.form.get("marketplace", ""), standard_id, int(version),
                date.fromisoformat(request.form.get("from", "")), date.fromisoformat(until) if until else None)
            trial = service.start_trial(session, terms, actor=current_actor().email, now=now())
    except (service.TrialStateError, UnknownMarketplaceError, UnknownVersionError) as error:
        return _list_all(say_refusal(error)), 400
    except ValueError:
        return _list_all(_("Choose a version and give dates, like 2026-07-01.")), 400
    flash(_("On trial: it is judged beside the official results from the next run on. No shop is told."))
    return redirect(url_for("trials.show_trial", trial_id=trial.id), 303)


@blueprint.get("/operator/trials/<int:trial_id>")
def show_trial(trial_id: int) -> str:
    """How shops stand and how they would stand, and every change it would have made."""
    return _show_trial(_get(trial_id))


def _get(trial_id: int) -> queries.TrialRow:
    try:
        return queries.get_trial(get_session(), trial_id)
    except queries.UnknownTrialError:
        abort(404)


def _show_trial(trial: queries.TrialRow, problem: str = "") -> str:
    session, official = get_session(), get_shipped().standard
    rows = queries.list_phantoms(session, trial)
    flow = Counter((row.real or "not_rated", row.phantom or "not_rated") for row in rows)
    before = [tier.id for tier in official.tiers] + ["not_rated"]
    known = dict.fromkeys([*before, *(row.real or "not_rated" for row in rows)])
    after = [tier.id for tier in trial.standard.tiers] or sorted({row.phantom or "not_rated" for row in rows})
    return show(
        "trials/trial.html", trial=trial, title=_title_of(trial), rows=rows, flow=flow, before=list(known), after=after,
        moved=[row for row in rows if row.real != row.phantom], problem=problem, most=MOST_CHANGES,
        changes=queries.list_phantom_changes(session, trial.id, limit=MOST_CHANGES),
        level_names={"unranked": _("No levels"), **name_levels(trial.standard, official)},
        rule_names=name_rules(trial.standard, official))


@blueprint.post("/operator/trials/<int:trial_id>/end")
def end(trial_id: int) -> tuple[str, int] | Response:
    """Take a standard off trial; what it would have decided stays."""
    trial = _get(trial_id)
    try:
        with writing() as session:
            service.end_trial(session, trial_id=trial.id, actor=current_actor().email, now=now())
    except service.TrialStateError as error:
        return _show_trial(trial, say_refusal(error)), 400
    flash(_("Off trial. What it would have decided stays here."))
    return redirect(url_for("trials.show_trial", trial_id=trial_id), 303)


def _title_of(trial: queries.TrialRow) -> str:
    return _say_version(trial.standard.title, trial.standard.version)


def _say_version(title: tuple[tuple[str, str], ...], version: int) -> str:
    return str(_("%(title)s, version %(version)s", title=title_in(title, get_language()), version=version))
