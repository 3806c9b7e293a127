"""Trying a version on history: asked for here, worked off by a job, read here."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.pages import send_csv, show
from operator_qos.permissions import OPERATOR, current_actor, people
from operator_qos.standards import queries
from operator_qos.standards.binding import list_in_use
from operator_qos.standards.comparison import Backtest
from operator_qos.standards.refusals import say_refusal
from operator_qos.standards.rules import Kept
from operator_qos.standards.tries import service
from operator_qos.standards.tries.service import Try, TryMissing, TryRefused
from operator_qos.standards.wording import name_levels, name_rules
from operator_qos.web import get_language, get_session, now, writing
from scoring.standards import title_in

blueprint = Blueprint("tries", __name__)
PERMISSIONS = {
    "tries.show_form": people(*OPERATOR),
    "tries.ask": people(*OPERATOR),
    "tries.show_one": people(*OPERATOR),
}
_AT = "/operator/standards/<standard_id>/<int:version>/try"
TRIED_DAYS, MOST_DAYS, MOST_MOVES = 60, 400, 200


def _get(standard_id: str, version: int) -> Kept:
    try:
        return queries.get_version(get_session(), standard_id, version)
    except queries.UnknownVersionError:
        raise NotFound from None


@blueprint.get(_AT)
def show_form(standard_id: str, version: int) -> tuple[str, int]:
    """Which days to try a version on, and what was tried before."""
    return _render(_get(standard_id, version))


def _render(kept: Kept, status: int = 200) -> tuple[str, int]:
    problem, (first, last) = "", _read_period()
    try:
        service.require_triable(get_session(), kept, now=now())
    except TryRefused as refused:
        problem = _say(refused)
    tries = service.list_tries(get_session(), *kept.key)
    return show("standards/try_form.html", kept=kept, problem=problem, first=first, last=last, tries=tries,
                title=title_in(kept.standard.title, get_language()), states=_name_states()), status


def _say(refused: TryRefused) -> str:
    return "\n".join(map(say_refusal, refused.flaws)) or _("There is no marketplace yet.")


@blueprint.post(_AT)
def ask(standard_id: str, version: int) -> tuple[str, int] | BaseResponse:
    """Have a version tried on some days; the page it leads to shows how far that is."""
    kept, (first, last) = _get(standard_id, version), _read_period()
    try:
        with writing() as session:
            try_id = service.ask_try(session, kept, first=first, last=last, actor=current_actor().email, now=now())
    except TryRefused:
        return _render(kept, 400)
    return redirect(url_for("tries.show_one", standard_id=standard_id, version=version, try_id=try_id), 303)


@blueprint.get(f"{_AT}/<int:try_id>")
def show_one(standard_id: str, version: int, try_id: int) -> str | Response:
    """How far a try is, then what it found; the moves as a file with ?format=csv."""
    kept = _get(standard_id, version)
    tried = _get_try(kept, try_id)
    found = service.find_result(get_session(), try_id)
    if found is not None and request.args.get("format") == "csv":
        return send_csv(f"{standard_id}-{version}-{tried.first_on}-{tried.last_on}.csv", _list_rows(found))
    official = list_in_use(get_session(), now=now())[0]
    return show("standards/try.html", kept=kept, tried=tried, found=found, first=tried.first_on, last=tried.last_on,
                title=title_in(kept.standard.title, get_language()), most=MOST_MOVES, states=_name_states(),
                before=service.count_before(get_session(), try_id), is_changed=tried.text != kept.text,
                broken_off=service.BROKEN_OFF, level_names=name_levels(official, kept.standard),
                rule_names=name_rules(official, kept.standard))


def _get_try(kept: Kept, try_id: int) -> Try:
    try:
        found = service.get_try(get_session(), try_id)
    except TryMissing:
        raise NotFound from None
    if (found.standard_id, found.version) != kept.key:
        raise NotFound
    return found


def _name_states() -> dict[str, str]:
    return {"waiting": _("waits for its turn"), "running": _("is counted"), "done": _("done"), "failed": _("failed")}


def _read_period() -> tuple[date, date]:
    """The dates asked for, mended where they make no period: two months up to yesterday, at most 400 days."""
    yesterday = now().date() - timedelta(days=1)
    last = min(_read_day("to") or yesterday, yesterday)
    first = min(_read_day("from") or last - timedelta(days=TRIED_DAYS - 1), last)
    return max(first, last - timedelta(days=MOST_DAYS - 1)), last


def _read_day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.values.get(name, ""))
    except ValueError:
        return None
    return found if found.year > 2000 else None


def _list_rows(found: Backtest) -> list[tuple[object, ...]]:
    head = ("marketplace", "shop", "from", "to", "before", "after", "sales_minor", "currency", "why")
    rows = [(move.shop.marketplace_id, move.shop.code, move.since, move.until, move.before, move.after,
             move.shop.sales_minor, move.shop.currency, "; ".join(reason.say() for reason in move.reasons))
            for move in found.moves]
    return [head, *rows]
