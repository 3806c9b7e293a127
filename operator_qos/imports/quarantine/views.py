"""What could not be read: found, repaired in place, taken in again, one row or all alike."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.formats import format_count
from operator_qos.i18n import gettext as _
from operator_qos.i18n import ngettext
from operator_qos.imports.mappings import find_mapping, list_newest
from operator_qos.imports.quarantine import queries, service
from operator_qos.imports.quarantine.bulk import Change, repair_alike, write_change
from operator_qos.imports.quarantine.queries import Chosen, Held
from operator_qos.imports.quarantine.words import say_reason
from operator_qos.imports.queries import list_places
from operator_qos.imports.service import add_repair_run
from operator_qos.permissions import OPERATOR, current_actor, people
from operator_qos.web import get_language, get_session, get_site, now, read_page, writing
from scoring.events import Problem

blueprint = Blueprint("quarantine", __name__, url_prefix="/operator/quarantine")
PERMISSIONS = {
    "quarantine.show_list": people(*OPERATOR),
    "quarantine.change_all": people(*OPERATOR),
    "quarantine.show_row": people(*OPERATOR),
    "quarantine.repair_row": people(*OPERATOR, tenant="a row stays on its marketplace"),
    "quarantine.dismiss_row": people(*OPERATOR),
}
AT_ONCE = 100
_FILTERS = ("origin", "field", "marketplace", "shop", "text")


def _read_chosen() -> Chosen:
    values = {name: request.values.get(name, "").strip()[:300] for name in _FILTERS}
    return Chosen(**values, settled=request.values.get("settled") == "1")


def _to_query(chosen: Chosen) -> dict[str, str]:
    query = {name: value for name in _FILTERS if (value := getattr(chosen, name))}
    return {**query, "settled": "1"} if chosen.settled else query


def _zone() -> str:
    places = list_places(get_session())
    return places[0].timezone if places else "UTC"


@blueprint.get("")
def show_list() -> str:
    """Rows that wait, groups of rows alike, and what may be done to all of them."""
    session, chosen = get_session(), _read_chosen()
    page = read_page(queries.count_held(session, chosen))
    if page.total == 0 and request.args.get("page"):
        raise NotFound
    return render_template(
        "imports/quarantine.html", page=page, chosen=chosen, query=_to_query(chosen), zone=_zone(),
        rows=queries.list_held(session, chosen, offset=page.offset, limit=page.size),
        groups=queries.list_groups(session, chosen), marketplaces=queries.list_marketplaces(session),
        mappings=list_newest(session), say_reason=say_reason)


@blueprint.post("")
def change_all() -> BaseResponse:
    """The same for every row of the list: at once when they are few, else as a job."""
    chosen, change = _read_chosen(), _read_change()
    if change is None:
        flash(_("Say in which column which value is to be replaced."))
        return redirect(url_for("quarantine.show_list", **_to_query(chosen)), 303)  # type: ignore[arg-type]
    if queries.count_held(get_session(), chosen) > AT_ONCE:
        with writing() as session:
            run = add_repair_run(session, change=write_change(chosen, change), actor=current_actor().email, now=now())
        flash(_("There are many rows: a job works them off. You may leave this page."))
        return redirect(url_for("imports.show_run", run_id=run.id), 303)
    get_session().rollback()
    done = repair_alike(get_site().engine, chosen=chosen, change=change, actor=current_actor().email, now=now())
    flash(_say_done(done.landed, done.refused, done.unlike, given_up=change.dismiss))
    return redirect(url_for("quarantine.show_list", **_to_query(chosen)), 303)  # type: ignore[arg-type]


def _read_change() -> Change | None:
    form, do = request.form, request.form.get("do", "")
    if do == "dismiss":
        return Change(dismiss=True)
    if do == "map":
        return Change(mapping_id=form.get("mapping", type=int)) if form.get("mapping", type=int) else None
    if do == "replace":
        column = form.get("column", "").strip()
        return Change(column[:300], form.get("old", "")[:5_000], form.get("new", "")[:5_000]) if column else None
    return Change()


def _say_done(landed: int, refused: int, unlike: int, *, given_up: bool) -> str:
    n = format_count(landed, get_language())
    said = [ngettext("%(n)s row was given up.", "%(n)s rows were given up.", landed, n=n) if given_up else
            ngettext("%(n)s row landed.", "%(n)s rows landed.", landed, n=n)]
    if refused:
        n = format_count(refused, get_language())
        said.append(ngettext("%(n)s row still cannot be read.", "%(n)s rows still cannot be read.", refused, n=n))
    if unlike:
        n = format_count(unlike, get_language())
        said.append(ngettext("%(n)s row was not alike and was left as it is.",
                             "%(n)s rows were not alike and were left as they are.", unlike, n=n))
    return " ".join(said)


def _get_held(row_id: int) -> Held:
    held = queries.find_held(get_session(), row_id)
    if held is None:
        raise NotFound
    return held


@blueprint.get("/<int:row_id>")
def show_row(row_id: int) -> str:
    """One row with the message beside the field that is wrong."""
    held = _get_held(row_id)
    return _render(held, held.repaired or held.raw, Problem(held.field, held.reason))


def _render(held: Held, raw: str, problem: Problem) -> str:
    session = get_session()
    mapping = find_mapping(session, held.mapping_id) if held.mapping_id is not None else None
    fields = service.read_fields(held, raw)
    return render_template(
        "imports/row.html", held=held, raw=raw, fields=fields, problem=problem, mapping=mapping, query=request.args,
        reason=say_reason(problem.reason), zone=_zone(), elsewhere=fields is None or problem.field not in fields)


@blueprint.post("/<int:row_id>")
def repair_row(row_id: int) -> str | BaseResponse | tuple[str, int]:
    """Take the row in as it is written now; refused, the page shows what is still wrong."""
    held = _get_held(row_id)
    raw = _read_raw(held)
    with writing() as session:
        done = service.repair(session, row_id=row_id, raw=raw, actor=current_actor().email, now=now(),
                              retention_days=get_site().settings.body_retention_days)
    if done.state == "refused" and done.problem is not None:
        return _render(held, raw, done.problem), 422
    if done.state == "gone":
        flash(_("Nothing was changed: somebody else was quicker."))
    else:
        flash(_("It landed."))
    return _go_on(held)


def _read_raw(held: Held) -> str:
    columns = request.form.getlist("column")
    if columns and service.read_fields(held, held.raw) is not None:
        values = request.form.getlist("value")
        return service.write_fields(held, dict(zip(columns, values, strict=False)))
    return request.form.get("raw", "").replace("\r\n", "\n")


def _go_on(held: Held) -> BaseResponse:
    """To the next row of the list the person came from, else to the list."""
    chosen = _read_chosen()
    following = queries.find_next(get_session(), chosen, held.id)
    if following is not None and request.form.get("then") == "next":
        return redirect(url_for("quarantine.show_row", row_id=following, **_to_query(chosen)), 303)  # type: ignore[arg-type]
    return redirect(url_for("quarantine.show_list", **_to_query(chosen)), 303)  # type: ignore[arg-type]


@blueprint.post("/<int:row_id>/dismiss")
def dismiss_row(row_id: int) -> BaseResponse:
    """Give a row up."""
    held = _get_held(row_id)
    with writing() as session:
        done = service.dismiss(session, row_id=row_id, actor=current_actor().email, now=now())
    flash(_("Given up. It stays on record and never counts.") if done else
          _("Nothing was changed: somebody else was quicker."))
    return _go_on(held)
