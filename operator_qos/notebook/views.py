"""What operators keep: views of the league table, and notes on the page of a shop."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.notebook import service
from operator_qos.permissions import OPERATOR, current_actor, get_visible_shop, people
from operator_qos.web import get_session, now, writing

blueprint = Blueprint("notebook", __name__, url_prefix="/operator/sellers")
_OWN = "views of one's own; another one is the 404 of a missing one"
PERMISSIONS = {
    "notebook.save_view": people(*OPERATOR),
    "notebook.end_view": people(*OPERATOR, tenant=_OWN),
    "notebook.write_note": people(*OPERATOR, tenant="get_visible_shop"),
    "notebook.remove_note": people(*OPERATOR, tenant="get_visible_shop"),
}
FIELDS = frozenset({"metric", "name", "marketplace", "level", "verdict", "sort", "order", "cols", "col"})


def _say(error: service.NotebookError) -> str:
    return str({
        "name": _("Give the view a name of 1 to %(n)s characters.", n=service.LONGEST_NAME),
        "most": _("You have %(n)s views already; take one away first.", n=service.MOST_VIEWS),
        "query": _("This view is too long to be kept; choose less."),
        "text": _("A note has 1 to %(n)s characters.", n=service.LONGEST_NOTE),
    }[error.code])


@blueprint.post("/views")
def save_view() -> BaseResponse:
    """Keep the view one looks at under a name."""
    given = parse_qsl(request.form.get("query", ""))
    query = urlencode([(key, value) for key, value in given if key in FIELDS])
    try:
        with writing() as session:
            service.save_view(session, name=request.form.get("name", ""), query=query, actor=current_actor(),
                              now=now())
    except service.NotebookError as error:
        flash(_say(error), "error")
    address = url_for("operator.list_sellers")
    return redirect(f"{address}?{query}" if query else address, 303)


@blueprint.post("/views/<int:view_id>/end")
def end_view(view_id: int) -> BaseResponse:
    """Take a view away."""
    with writing() as session:
        if not service.end_view(session, view_id=view_id, actor=current_actor()):
            raise NotFound
    return redirect(url_for("operator.list_sellers"), 303)


def _back(marketplace: str, shop: str) -> BaseResponse:
    return redirect(url_for("operator.show_shop", marketplace=marketplace, shop=shop, _anchor="h-notes"), 303)


@blueprint.post("/<marketplace>/<shop>/notes")
def write_note(marketplace: str, shop: str) -> BaseResponse:
    """Note something about a shop."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    try:
        with writing() as session:
            service.write_note(session, card, text=request.form.get("text", ""), actor=current_actor(), now=now())
    except service.NotebookError as error:
        flash(_say(error), "error")
    return _back(marketplace, shop)


@blueprint.post("/<marketplace>/<shop>/notes/<int:note_id>/remove")
def remove_note(marketplace: str, shop: str, note_id: int) -> BaseResponse:
    """Take a note away."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    with writing() as session:
        if not service.remove_note(session, card, note_id=note_id, actor=current_actor(), now=now()):
            raise NotFound
    return _back(marketplace, shop)
