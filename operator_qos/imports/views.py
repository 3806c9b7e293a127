"""The operator's page of imports: bring a file, map its columns, see what it gives, have it taken in."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.connectors.mapping.reading import list_ready, read_ready
from operator_qos.connectors.rows import SourceLayoutError
from operator_qos.files import FileError
from operator_qos.i18n import gettext as _
from operator_qos.imports import queries, service
from operator_qos.imports.mappings import find_mapping, find_newest, list_newest
from operator_qos.imports.quarantine.queries import Chosen, count_held
from operator_qos.imports.quarantine.words import say_mistake, say_reason
from operator_qos.imports.queries import Run, find_run
from operator_qos.imports.reading import look_at, propose_for, try_mapping
from operator_qos.imports.store import MAX_UPLOAD_BYTES, ImportStore
from operator_qos.imports.words import PARTS, STATES, say_layout
from operator_qos.permissions import OPERATOR, current_actor, people
from operator_qos.web import get_session, get_site, now, read_page, writing

blueprint = Blueprint("imports", __name__)
PERMISSIONS = {
    "imports.show_list": people(*OPERATOR),
    "imports.upload": people(*OPERATOR, max_bytes=MAX_UPLOAD_BYTES + 1024 * 1024),
    "imports.show_run": people(*OPERATOR),
    "imports.change_draft": people(*OPERATOR),
    "imports.drop": people(*OPERATOR),
    "imports.show_mapping": people(*OPERATOR),
}
SHOWN_EVENTS = 12


def _store() -> ImportStore:
    return ImportStore(get_site().settings.imports_dir)


def _get_run(run_id: int) -> Run:
    run = find_run(get_session(), run_id)
    if run is None:
        raise NotFound
    return run


@blueprint.get("/operator/imports")
def show_list() -> str:
    """What was imported, and the form that brings another file."""
    session = get_session()
    page = read_page(queries.count_runs(session))
    return render_template(
        "imports/list.html", page=page, runs=queries.list_runs(session, offset=page.offset, limit=page.size),
        states=STATES, places=queries.list_places(session), mappings=list_newest(session),
        max_mb=MAX_UPLOAD_BYTES // 1024 // 1024)


@blueprint.post("/operator/imports")
def upload() -> BaseResponse:
    """Keep a file and draft a mapping for it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        flash(_("Choose a file first."))
        return redirect(url_for("imports.show_list"), 303)
    store = _store()
    try:
        stored = store.keep(file.filename, file.stream)
    except FileError as error:
        told = {"empty": _("%(file)s is empty.", file=error.name),
                "large": _("%(file)s is too large. Import it with operator-qos import mapped.", file=error.name)}
        flash(told[error.code])
        return redirect(url_for("imports.show_list"), 303)
    with writing() as session:
        run = service.add_run(session, stored=stored, marketplace=request.form.get("marketplace", "")[:200],
                              actor=current_actor().email, now=now())
    with suppress(SourceLayoutError):  # the page of the draft says what is wrong
        _propose(run)
    return redirect(url_for("imports.show_run", run_id=run.id), 303)


def _zone_of(marketplace: str) -> str:
    places = queries.list_places(get_session())
    return next((place.timezone for place in places if place.id == marketplace), "UTC")


def _propose(run: Run, parts: dict[str, str] | None = None) -> None:
    """Draft a mapping. Raises SourceLayoutError or FileNotFoundError."""
    found = propose_for(_store().path_of(run.stored_as), file_name=run.file_name, marketplace="",
                        timezone=_zone_of(run.marketplace), parts=parts)
    with writing() as session:
        service.save_draft(session, run_id=run.id, text=found.text, marketplace=run.marketplace,
                           parts=dict(found.parts), now=now())


@blueprint.get("/operator/imports/<int:run_id>")
def show_run(run_id: int) -> str:
    """A draft with its mapping and what it gives, or how far an import came."""
    run = _get_run(run_id)
    if run.state != "draft":
        saved = find_mapping(get_session(), run.mapping_id) if run.mapping_id else None
        waiting = count_held(get_session(), Chosen(origin=run.origin))
        return render_template(
            "imports/run.html", run=run, states=STATES, mapping=saved, say_reason=say_reason, waiting=waiting)
    try:
        look = look_at(_store().path_of(run.stored_as))
    except (SourceLayoutError, FileNotFoundError) as error:
        return render_template("imports/unreadable.html", run=run, problem=say_reason(_what_is_wrong(error)))
    trial = try_mapping(_store().path_of(run.stored_as), run.draft, marketplace=run.marketplace, now=now())
    session = get_session()
    return render_template(
        "imports/draft.html", run=run, look=look, layout=say_layout(look.layout), trial=trial, parts=PARTS,
        taken=(run.change or {}).get("parts", {}), places=queries.list_places(session), saved=list_newest(session),
        ready=list_ready(), say_reason=say_reason, say_mistake=say_mistake, shown_events=SHOWN_EVENTS)


def _what_is_wrong(error: Exception) -> str:
    told = f"{error.what} {error.what_to_do}" if isinstance(error, SourceLayoutError) else ""
    return told or "The file is no longer there."


@blueprint.post("/operator/imports/<int:run_id>")
def change_draft(run_id: int) -> BaseResponse:
    """Propose anew, begin from another mapping, check what was written, or start the import."""
    run = _get_run(run_id)
    if run.state != "draft":
        raise NotFound
    do = request.form.get("do", "")
    try:
        _change(run, do)
    except service.RunError:
        flash(_("Nothing was changed: somebody else was quicker."))
    except (SourceLayoutError, FileNotFoundError):
        pass  # the page of the draft says what is wrong with its file
    return redirect(url_for("imports.show_run", run_id=run_id, _anchor=None if do == "start" else "h-gives"), 303)


def _change(run: Run, do: str) -> None:
    if do == "propose":
        _propose(run, _read_parts(run))
    elif do == "load":
        _save(run, _load(request.form.get("from", "")) or run.draft)
    else:
        _save(run, request.form.get("text", "").replace("\r\n", "\n"))
        if do == "start":
            _start(_get_run(run.id))


def _read_parts(run: Run) -> dict[str, str]:
    columns = look_at(_store().path_of(run.stored_as)).layout.columns
    chosen = {column: request.form.get(f"part-{place}", "") for place, column in enumerate(columns)}
    return {column: part if part in PARTS else "" for column, part in chosen.items()}


def _load(name: str) -> str:
    if name in list_ready():
        return read_ready(name)
    saved = find_newest(get_session(), name)
    return saved.text if saved is not None else ""


def _save(run: Run, text: str) -> None:
    marketplace = request.form.get("marketplace", run.marketplace)[:200]
    with writing() as session:
        service.save_draft(session, run_id=run.id, text=text[:400_000], marketplace=marketplace, now=now())


def _start(run: Run) -> None:
    path = _store().path_of(run.stored_as)
    if try_mapping(path, run.draft, marketplace=run.marketplace, now=now()).mistakes:
        flash(_("The mapping cannot be used yet. What is wrong stands below."))
        return
    with writing() as session:
        service.queue_run(session, run_id=run.id, text=run.draft, marketplace=run.marketplace,
                          actor=current_actor().email, now=now())
    flash(_("The import begins within seconds. You may leave this page."))


@blueprint.post("/operator/imports/<int:run_id>/drop")
def drop(run_id: int) -> BaseResponse:
    """Give a draft up and take its file away."""
    try:
        with writing() as session:
            stored = service.drop_run(session, run_id=run_id, actor=current_actor().email, now=now())
        _store().discard(stored)
        flash(_("Dropped. The file is gone."))
    except service.RunError:
        flash(_("Nothing was changed: somebody else was quicker."))
    return redirect(url_for("imports.show_list"), 303)


@blueprint.get("/operator/imports/mappings/<int:mapping_id>")
def show_mapping(mapping_id: int) -> str:
    """A saved version of a mapping, word for word."""
    saved = find_mapping(get_session(), mapping_id)
    if saved is None:
        raise NotFound
    return render_template("imports/mapping.html", mapping=saved)
