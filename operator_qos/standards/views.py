"""Standards for operators: versions, words, editor, try on history, publishing; and the public page of a standard."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NoReturn

from flask import Blueprint, Response, abort, flash, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.pages import send_csv, show
from operator_qos.permissions import ADMIN, OPERATOR, current_actor, people, public
from operator_qos.standards import queries, service
from operator_qos.standards.binding import list_in_use
from operator_qos.standards.comparison import Backtest
from operator_qos.standards.diffs import list_changes
from operator_qos.standards.following import list_uncountable
from operator_qos.standards.refusals import say_problem, say_refusal
from operator_qos.standards.rules import (
    Kept,
    State,
    VersionStateError,
    find_state,
    list_mistakes,
    list_unmeasured,
    read_draft,
)
from operator_qos.standards.shares import list_holdings
from operator_qos.standards.trying import are_summable, run_backtest
from operator_qos.standards.wording import name_levels, name_rules, word_standard
from operator_qos.web import get_language, get_session, now, writing
from scoring.standards import StandardError, list_presets, load_preset, title_in
from scoring.standards.versions import LEGAL_GROUNDS, NOTICE_DAYS

blueprint = Blueprint("standards", __name__)
PERMISSIONS = {
    "standards.list_all": people(*OPERATOR),
    "standards.show_version": people(*OPERATOR),
    "standards.show_editor": people(*OPERATOR),
    "standards.save_text": people(*OPERATOR),
    "standards.validate_text": people(*OPERATOR),
    "standards.take_over": people(*OPERATOR),
    "standards.start_version": people(*OPERATOR),
    "standards.delete_draft": people(*OPERATOR),
    "standards.try_version": people(*OPERATOR),
    "standards.show_shares": people(*OPERATOR),
    "standards.publish_version": people(*ADMIN),
    "standards.retire_version": people(*ADMIN),
    "standards.show_public": public(),
    "standards.show_public_version": public(),
}
_AT = "/operator/standards/<standard_id>/<int:version>"
TRIED_DAYS, MOST_DAYS, MOST_MOVES = 60, 400, 200


def _get(standard_id: str, version: int) -> Kept:
    try:
        return queries.get_version(get_session(), standard_id, version)
    except queries.UnknownVersionError:
        _refuse()


def _refuse() -> NoReturn:
    abort(404)


@blueprint.get("/operator/standards")
def list_all() -> str:
    """Every version with its state, what comes when, and the presets."""
    versions = queries.list_versions(get_session())
    language = get_language()
    rows = [(kept, find_state(kept, versions, now()), title_in(kept.standard.title, language)) for kept in versions]
    coming = sorted((row for row in rows if row[1] in {State.PUBLISHED, State.EFFECTIVE}),
                    key=lambda row: row[0].standard.effective_from)
    presets = [(name, title_in(load_preset(name).title, language)) for name in list_presets()]
    return show("standards/list.html", rows=rows, coming=coming, presets=presets, state_name=state_name)


@blueprint.get(_AT)
def show_version(standard_id: str, version: int) -> str:
    """One version in words, what it changes, and what can be done with it."""
    return _show_version(_get(standard_id, version))


def _compare(kept: Kept, versions: list[Kept]) -> tuple[Kept | None, list[str]]:
    """The version before, if there is one that binds, and what this one changes against it."""
    same = [other for other in versions if other.standard.id == kept.standard.id and other.key < kept.key]
    base = next((other for other in reversed(same) if not other.is_draft and other.retired_at is None), None)
    return base, list_changes(base.standard, kept.standard, get_language()) if base else []


def _show_version(kept: Kept, problem: str = "") -> str:
    versions = queries.list_versions(get_session())
    base, changes = _compare(kept, versions)
    earliest = now().date() + timedelta(days=NOTICE_DAYS)
    grounds = [(name, texts[get_language() == "fr"]) for name, texts in LEGAL_GROUNDS.items()]
    return show(
        "standards/version.html", kept=kept, page=word_standard(kept.standard), base=base, problem=problem,
        changes=changes, state=find_state(kept, versions, now()),
        state_name=state_name, may_publish=current_actor().role in ADMIN, earliest=earliest, grounds=grounds,
        unmeasured=list_unmeasured(kept.standard), notice_days=NOTICE_DAYS,
    )


@blueprint.get("/operator/standards/edit")
def show_editor() -> str:
    """The text of a draft, or of any version to start from."""
    standard_id, version = request.args.get("standard", ""), request.args.get("version", 0, type=int)
    return _show_editor(_get(standard_id, version or 0).text if standard_id else "")


def _show_editor(text: str, problem: str = "") -> str:
    mistakes = list_mistakes(text) if text else ()
    return show("standards/edit.html", text=text, mistakes=mistakes, problem=problem, say_problem=say_problem)


@blueprint.post("/operator/standards/edit")
def save_text() -> tuple[str, int] | BaseResponse:
    """Keep the text as a draft; mistakes are shown with their lines and the text stays."""
    text = _read_text()
    try:
        with writing() as session:
            kept = service.save_draft(session, text=text, actor=current_actor().email, now=now())
    except (StandardError, VersionStateError) as error:
        return _show_editor(text, "" if isinstance(error, StandardError) else say_refusal(error)), 400
    flash(_("The draft is kept."))
    return redirect(url_for("standards.show_version", standard_id=kept.standard.id, version=kept.standard.version), 303)


@blueprint.post("/operator/standards/validate")
def validate_text() -> Response:
    """What is wrong with a text, as JSON, for the editor while people write."""
    text = _read_text()
    mistakes = list_mistakes(text)
    found = [{"line": error.line or 1, "path": error.path, "problem": say_problem(error.problem)} for error in mistakes]
    unmeasured = [] if mistakes else list_unmeasured(read_draft(text))
    return jsonify({"valid": not mistakes, "mistakes": found, "not_measured": unmeasured})


def _read_text() -> str:
    """The text of the form; browsers send lines ended by two signs."""
    return request.form.get("text", "").replace("\r\n", "\n")


@blueprint.post("/operator/standards/presets")
def take_over() -> BaseResponse:
    """Make a draft of a preset."""
    name = request.form.get("preset", "")
    if name not in list_presets():
        _refuse()
    with writing() as session:
        kept = service.take_over(session, preset=name, actor=current_actor().email, now=now())
    flash(_("A draft was made of it. Nothing binds anybody before it is published."))
    return redirect(url_for("standards.show_version", standard_id=kept.standard.id, version=kept.standard.version), 303)


@blueprint.post(f"{_AT}/next")
def start_version(standard_id: str, version: int) -> BaseResponse:
    """Make a draft that starts as a copy."""
    _get(standard_id, version)
    with writing() as session:
        kept = service.start_version(session, standard_id=standard_id, version=version, actor=current_actor().email,
                                     now=now())
    return redirect(url_for("standards.show_editor", standard=standard_id, version=kept.standard.version), 303)


@blueprint.post(f"{_AT}/delete")
def delete_draft(standard_id: str, version: int) -> tuple[str, int] | BaseResponse:
    """Forget a draft."""
    kept = _get(standard_id, version)
    try:
        with writing() as session:
            service.delete_draft(session, standard_id=standard_id, version=version, actor=current_actor().email,
                                 now=now())
    except VersionStateError as error:
        return _show_version(kept, say_refusal(error)), 400
    flash(_("The draft is deleted."))
    return redirect(url_for("standards.list_all"), 303)


@blueprint.post(f"{_AT}/publish")
def publish_version(standard_id: str, version: int) -> tuple[str, int] | BaseResponse:
    """Announce a draft; what stands in the way is told on its page."""
    kept = _get(standard_id, version)
    try:
        with writing() as session:
            service.publish(
                session, standard_id=standard_id, version=version, why=request.form.get("why", ""),
                legal_ground=request.form.get("legal_ground") or None, actor=current_actor().email, now=now())
    except (StandardError, VersionStateError) as error:
        return _show_version(kept, say_refusal(error)), 400
    flash(_("Published: everybody can read it now."))
    return redirect(url_for("standards.show_version", standard_id=standard_id, version=version), 303)


@blueprint.post(f"{_AT}/retire")
def retire_version(standard_id: str, version: int) -> tuple[str, int] | BaseResponse:
    """End a published version; frozen results keep naming it."""
    kept = _get(standard_id, version)
    try:
        with writing() as session:
            service.retire(session, standard_id=standard_id, version=version, why=request.form.get("why", ""),
                           actor=current_actor().email, now=now())
    except (StandardError, VersionStateError) as error:
        return _show_version(kept, say_refusal(error)), 400
    flash(_("Retired. The version before binds again, if there is one."))
    return redirect(url_for("standards.show_version", standard_id=standard_id, version=version), 303)


@blueprint.get(f"{_AT}/try")
def try_version(standard_id: str, version: int) -> tuple[str, int] | Response:
    """A version tried on history against the official standard; the moves as a file with ?format=csv."""
    kept, problem, found = _get(standard_id, version), "", None
    first, last = _read_period()
    official = list_in_use(get_session(), now=now())[0]
    is_quick = are_summable(kept.standard, official)
    try:
        found = run_backtest(get_session(), kept.standard, official, first=first, last=last, alone=is_quick)
    except StandardError as error:
        flaws = list_uncountable(kept.standard, official)
        problem = "\n".join(map(say_refusal, flaws)) or say_refusal(error)
    if found is not None and request.args.get("format") == "csv":
        return send_csv(f"{standard_id}-{version}-{first}-{last}.csv", _list_rows(found))
    return show("standards/try.html", kept=kept, found=found, problem=problem, first=first, last=last,
                title=title_in(kept.standard.title, get_language()), most=MOST_MOVES, most_days=MOST_DAYS,
                is_quick=is_quick, level_names=name_levels(official, kept.standard),
                rule_names=name_rules(official, kept.standard)), 200


@blueprint.get(f"{_AT}/shares")
def show_shares(standard_id: str, version: int) -> str:
    """Who holds the best level and each badge, by size and category of shop."""
    kept = _get(standard_id, version)
    return show("standards/shares.html", kept=kept, title=title_in(kept.standard.title, get_language()),
                holdings=list_holdings(get_session(), kept.standard, now=now()))


def _read_period() -> tuple[date, date]:
    """The dates asked for, mended where they make no period: two months up to yesterday, at most 400 days."""
    yesterday = now().date() - timedelta(days=1)
    last = min(_read_day("to") or yesterday, yesterday)
    first = min(_read_day("from") or last - timedelta(days=TRIED_DAYS - 1), last)
    return max(first, last - timedelta(days=MOST_DAYS - 1)), last


def _read_day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if found.year > 2000 else None


def _list_rows(found: Backtest) -> list[tuple[object, ...]]:
    head = ("marketplace", "shop", "from", "to", "before", "after", "sales_minor", "currency", "why")
    rows = [(move.shop.marketplace_id, move.shop.code, move.since, move.until, move.before, move.after,
             move.shop.sales_minor, move.shop.currency, "; ".join(reason.say() for reason in move.reasons))
            for move in found.moves]
    return [head, *rows]


@blueprint.get("/standards/<standard_id>")
def show_public(standard_id: str) -> str:
    """The version in force, for everybody."""
    versions = queries.list_versions(get_session(), standard_id)
    found = next((kept for kept in versions if find_state(kept, versions, now()) == State.EFFECTIVE), None)
    return _show_public(found or _refuse(), versions)


@blueprint.get("/standards/<standard_id>/<int:version>")
def show_public_version(standard_id: str, version: int) -> str:
    """A published version, for everybody; drafts are nobody's business."""
    versions = queries.list_versions(get_session(), standard_id)
    found = next((kept for kept in versions if kept.standard.version == version and not kept.is_draft), None)
    return _show_public(found or _refuse(), versions)


def _show_public(kept: Kept, versions: list[Kept]) -> str:
    others = [(other, find_state(other, versions, now())) for other in versions if not other.is_draft]
    base, changes = _compare(kept, versions)
    return show("standards/public.html", kept=kept, page=word_standard(kept.standard), others=others, base=base,
                changes=changes, state=find_state(kept, versions, now()), state_name=state_name)


def state_name(state: State) -> str:
    """A state in the reader's words."""
    names = {
        State.DRAFT: _("Draft"), State.PUBLISHED: _("Announced"), State.EFFECTIVE: _("In force"),
        State.REPLACED: _("Replaced"), State.RETIRED: _("Retired"),
    }
    return str(names[state])
