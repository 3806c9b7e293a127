"""The buyer's page: one dispute, behind a signed link, without an account."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import force_locale
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos import words
from operator_qos.disputes import queries
from operator_qos.disputes.acting import Actor
from operator_qos.disputes.buyer.links import find_link
from operator_qos.disputes.case_page import Reader, build_case_page
from operator_qos.disputes.desk import DOINGS
from operator_qos.disputes.file import find_file
from operator_qos.disputes.forms import (
    REMEDY_NAMES,
    Failed,
    carry_out,
    find_store,
    make_token,
    send_attachment,
    send_decision,
)
from operator_qos.disputes.phrases import limit_name
from operator_qos.disputes.queries import DisputeRow
from operator_qos.disputes.rules import IN_MEDIATION
from operator_qos.extensions import limiter
from operator_qos.i18n import LANGUAGES
from operator_qos.permissions import public
from operator_qos.settings import read_secret
from operator_qos.web import get_session, get_site, now

blueprint = Blueprint("buyers", __name__, url_prefix="/b/<token>")
PERMISSIONS = {
    "buyers.show": public(),
    "buyers.act": public(),
    "buyers.show_file": public(),
    "buyers.show_decision": public(),
}
BUYER = Actor("buyer", "buyer")
READS, WRITES = "120 per 10 minutes", "30 per 10 minutes"


def _open(token: str) -> tuple[DisputeRow, str]:
    """The one dispute a link opens, with the buyer's language. Raises NotFound for a link that opens nothing."""
    session = get_session()
    link = find_link(session, token, secret=read_secret(get_site().settings), now=now())
    row = queries.find_row(session, link.dispute_id) if link is not None else None
    if row is None or link is None:
        raise NotFound
    asked = request.args.get("lang", "")
    return row, asked if asked in LANGUAGES else link.language


def _render(token: str, *, failed: Failed | None = None, status: int = 200) -> tuple[str, int]:
    row, language = _open(token)
    with force_locale(language):
        page = build_case_page(get_session(), row, reader=Reader("buyer", language, row.place.zone), now=now())
        return render_template(
            "disputes/buyer.html", page=page, link=token, failed=failed, words=words, remedies=REMEDY_NAMES,
            in_mediation=IN_MEDIATION, token=make_token(), language=language, limit_name=limit_name,
            lower_parties=lambda parties: ", ".join(str(words.party_name(p)).lower() for p in parties),
        ), status


@blueprint.get("")
@limiter.limit(READS)
def show(token: str) -> tuple[str, int]:
    """Where the dispute stands and what the buyer may do; opening it changes nothing."""
    return _render(token)


@blueprint.post("/act/<action>")
@limiter.limit(WRITES)
def act(token: str, action: str) -> tuple[str, int] | BaseResponse:
    """Write, offer, accept, prove, ask for a mediator, withdraw, appeal."""
    row, language = _open(token)
    if action not in DOINGS:
        raise NotFound
    with force_locale(language):
        outcome = carry_out(row, action, actor=BUYER, store=find_store())
    if isinstance(outcome, Failed):
        return _render(token, failed=outcome, status=400)
    flash(outcome)
    return redirect(url_for("buyers.show", token=token), 303)


@blueprint.get("/files/<int:file_id>")
@limiter.limit(READS)
def show_file(token: str, file_id: int) -> Response:
    """A file that the buyer sent or that was sent to the buyer."""
    row, _ = _open(token)
    file = find_file(get_session(), row.dispute, file_id, side="buyer")
    if file is None:
        raise NotFound
    return send_attachment(file, find_store(), preview=bool(request.args.get("preview")))


@blueprint.get("/decision.pdf")
@limiter.limit(READS)
def show_decision(token: str) -> Response:
    """The decision as a document, in the buyer's language unless another is asked for."""
    row, language = _open(token)
    return send_decision(row, request.args.get("language") or language)
