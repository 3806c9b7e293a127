"""Standards for operators: versions, words, editor, publishing; and the public page of a standard."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from flask import Blueprint, Response, abort, flash, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.pages import show
from operator_qos.permissions import ADMIN, OPERATOR, current_actor, people, public
from operator_qos.standards import queries, service
from operator_qos.standards.diffs import list_changes
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
from operator_qos.standards.wording import word_standard
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
    "standards.show_shares": people(*OPERATOR),
    "standards.publish_version": people(*ADMIN),
    "standards.retire_version": people(*ADMIN),
    "standards.show_public": public(),
    "standards.show_public_version": public(),
}
_AT = "/operator/standards/<standard_id>/<int:version>"


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


@blueprint.get(f"{_AT}/shares")
def show_shares(standard_id: str, version: int) -> str:
    """Who holds the best level and each badge, by size and category of shop."""
    kept = _get(standard_id, version)
    return show("standards/shares.html", kept=kept, title=title_in(kept.standard.title, get_language()),
                holdings=list_holdings(get_session(), kept.standard, now=now()))


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
