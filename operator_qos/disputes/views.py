"""Pages of disputes: the mediators' queue and cases, the operator's and the seller's lists and cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos import words
from operator_qos.disputes import queries, reports, service
from operator_qos.disputes.buyer.links import create_link, revoke, sign_link
from operator_qos.disputes.case_page import Reader, build_case_page
from operator_qos.disputes.desk import DOINGS
from operator_qos.disputes.file import find_file
from operator_qos.disputes.forms import (
    CLAUSE_NUMBERS,
    MOVED_ON,
    REMEDY_NAMES,
    Failed,
    RulingForm,
    carry_out,
    find_store,
    input_error,
    make_token,
    send_attachment,
    send_decision,
)
from operator_qos.disputes.phrases import limit_name
from operator_qos.disputes.queries import DisputeRow
from operator_qos.disputes.rules import IN_MEDIATION, OPEN_STATES, IllegalAction
from operator_qos.disputes.service import DisputeInputError, Ruling
from operator_qos.i18n import gettext as _
from operator_qos.navigation import set_count
from operator_qos.permissions import MEDIATOR, OPERATOR, SELLER, Actor, current_actor, people
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.settings import read_secret
from operator_qos.web import get_language, get_session, get_site, now, read_page, writing

blueprint = Blueprint("disputes", __name__)
_SEEN = "a case decided, waiting, or on one's own desk; else the 404 of a missing one"
_OWN = "a dispute of one's own company; else the 404 of a missing one"
PERMISSIONS = {
    "disputes.show_queue": people(*MEDIATOR, tenant="cases waiting, or on one's own desk"),
    "disputes.show_case": people(*MEDIATOR, tenant=_SEEN),
    "disputes.take_case": people(*MEDIATOR, tenant=_SEEN),
    "disputes.declare_conflict": people(*MEDIATOR, tenant=_SEEN),
    "disputes.act_as_mediator": people(*MEDIATOR, tenant=_SEEN),
    "disputes.show_file_to_mediator": people(*MEDIATOR, tenant=_SEEN),
    "disputes.show_decision_to_mediator": people(*MEDIATOR, tenant=_SEEN),
    "disputes.decide": people(*MEDIATOR, tenant=_SEEN),
    "disputes.show_figures": people(*MEDIATOR),
    "disputes.list_all": people(*OPERATOR),
    "disputes.show_any": people(*OPERATOR),
    "disputes.act_as_operator": people(*OPERATOR),
    "disputes.show_file_to_operator": people(*OPERATOR),
    "disputes.show_decision_to_operator": people(*OPERATOR),
    "disputes.make_link": people(*OPERATOR),
    "disputes.revoke_link": people(*OPERATOR),
    "disputes.list_own": people(*SELLER, tenant="disputes of one's own company"),
    "disputes.show_own": people(*SELLER, tenant=_OWN),
    "disputes.act_as_seller": people(*SELLER, tenant=_OWN),
    "disputes.show_file_to_seller": people(*SELLER, tenant=_OWN),
    "disputes.show_decision_to_seller": people(*SELLER, tenant=_OWN),
}
FIGURE_DAYS = 90
SHOWN_ENDED = 50
@blueprint.context_processor
def _add_words() -> dict[str, object]:
    lists = {"lower_parties": _lower_parties, "lower_defects": _lower_defects, "lower_remedies": _lower_remedies}
    shared = {"words": words, "remedies": REMEDY_NAMES, "limit_name": limit_name, "token": make_token()}
    return {"in_mediation": IN_MEDIATION, **shared, **lists}


def _lower_parties(parties: Sequence[str]) -> str:
    return ", ".join(str(words.party_name(party)).lower() for party in parties)


def _lower_defects(kinds: Sequence[str]) -> str:
    return ", ".join(str(words.defect_name(kind)).lower() for kind in kinds)


def _lower_remedies(remedies: Iterable[str]) -> str:
    return ", ".join(str(REMEDY_NAMES[remedy]).lower() for remedy in remedies)


def _act_as(actor: Actor) -> service.Actor:
    role = "operator" if actor.is_operator else "seller" if actor.is_seller else "mediator"
    return service.Actor(role, actor.email, actor.user_id)


def _may_see(actor: Actor, row: DisputeRow) -> bool:
    dispute = row.dispute
    if actor.is_operator:
        return True
    if actor.is_seller:
        return actor.seller_id is not None and row.place.seller_id == actor.seller_id
    waiting = dispute.state in IN_MEDIATION and dispute.mediator_id is None
    return waiting or dispute.mediator_id == actor.user_id or dispute.decided_at is not None


def _get_row(session: Session, dispute_id: int) -> DisputeRow:
    """The dispute if the person may see it. Raises the same NotFound for a foreign one and a missing one."""
    row = queries.find_row(session, dispute_id)
    if row is None or not _may_see(current_actor(), row):
        raise NotFound
    return row


def get_visible_dispute(session: Session, dispute_id: int) -> DisputeRow:
    """For other pages about a dispute: the same rule of who sees it, the same NotFound."""
    return _get_row(session, dispute_id)


def _do(dispute_id: int, act: Callable[[Session], object], *, done: str, page: str) -> BaseResponse:
    """Carry out one action, say what came of it and return to the page."""
    _get_row(get_session(), dispute_id)
    try:
        with writing() as session:
            was_new = act(session) is not False
        flash(done if was_new else _("This was done before; nothing was changed."))
    except IllegalAction:
        flash(MOVED_ON())
    except DisputeInputError as error:
        flash(input_error(error.code))
    return redirect(url_for(page, dispute_id=dispute_id), 303)


def _perform(
    dispute_id: int, action: str, *, page: str, render: Callable[..., tuple[str, int]]
) -> tuple[str, int] | BaseResponse:
    """Do an action of the table with what its form holds; what was typed stays when something is wrong with it."""
    row = _get_row(get_session(), dispute_id)
    if action not in DOINGS or action in {"decide"}:
        raise NotFound
    outcome = carry_out(row, action, actor=_act_as(current_actor()), store=find_store())
    if isinstance(outcome, Failed):
        return render(dispute_id, failed=outcome, status=400)
    flash(outcome)
    return redirect(url_for(page, dispute_id=dispute_id), 303)


def _reader(row: DisputeRow) -> Reader:
    actor = current_actor()
    zone = row.place.shop_zone if actor.is_seller else row.place.zone
    role = _act_as(actor).role
    return Reader(role, get_language(), zone, role != "mediator" or _is_in_charge(row))


def _is_in_charge(row: DisputeRow) -> bool:
    me = current_actor().user_id
    return row.dispute.mediator_id in {None, me} and not queries.has_conflict(get_session(), row.dispute, me)


# Mediators


def _count_queue(session: Session) -> tuple[int, int]:
    total, late = queries.count_queue(session, current_actor().user_id, now=now())
    set_count("/mediator/queue", total)
    return total, late


@blueprint.get("/mediator/queue")
def show_queue() -> str:
    """What waits for a decision, by due time and amount."""
    session = get_session()
    total, late = _count_queue(session)
    page = read_page(total)
    return render_template(
        "disputes/queue.html",
        rows=queries.list_queue(session, current_actor().user_id, limit=page.size, offset=page.offset),
        page=page,
        late=late,
        me=current_actor().user_id,
        running=queries.find_next_lapse(session),
    )


def _render_case(
    dispute_id: int, *, ruling: RulingForm | None = None, failed: Failed | None = None, status: int = 200
) -> tuple[str, int]:
    session = get_session()
    row = _get_row(session, dispute_id)
    _count_queue(session)
    page = build_case_page(session, row, reader=_reader(row), now=now())
    return render_template(
        "disputes/mediator_case.html",
        page=page,
        ruling=ruling or RulingForm(),
        failed=failed,
        may_act=_is_in_charge(row),
        is_own=row.dispute.mediator_id == current_actor().user_id,
        clauses=CLAUSE_NUMBERS,
        templates=queries.list_templates(session, seller_id=None),
        evidence_due=page.kind.evidence_deadline,
    ), status


@blueprint.get("/mediator/cases/<int:dispute_id>")
def show_case(dispute_id: int) -> tuple[str, int]:
    """The workbench of one case; opening it changes nothing."""
    return _render_case(dispute_id)


@blueprint.post("/mediator/cases/<int:dispute_id>/take")
def take_case(dispute_id: int) -> BaseResponse:
    """Put a waiting case on one's own desk."""
    return _do(
        dispute_id,
        lambda session: service.take_case(
            session, dispute_id=dispute_id, actor=_act_as(current_actor()), now=now()
        ),
        done=_("The case is on your desk."),
        page="disputes.show_case",
    )


@blueprint.post("/mediator/cases/<int:dispute_id>/conflict")
def declare_conflict(dispute_id: int) -> BaseResponse:
    """Give a case back for good."""
    _do(
        dispute_id,
        lambda session: service.declare_conflict(
            session, dispute_id=dispute_id, actor=_act_as(current_actor()), now=now()
        ),
        done=_("The conflict is noted. The case is back in the queue for another mediator."),
        page="disputes.show_case",
    )
    return redirect(url_for("disputes.show_queue"), 303)


@blueprint.post("/mediator/cases/<int:dispute_id>/act/<action>")
def act_as_mediator(dispute_id: int, action: str) -> tuple[str, int] | BaseResponse:
    """Write, keep a note, ask for proof."""
    return _perform(dispute_id, action, page="disputes.show_case", render=_render_case)


def _to_ruling(form: RulingForm) -> Ruling:
    return Ruling(
        form.fault.data, form.remedy.data, form.refund_minor, form.counts.data != "no", form.full_grounds()
    )


@blueprint.post("/mediator/cases/<int:dispute_id>/decision")
def decide(dispute_id: int) -> tuple[str, int] | BaseResponse:
    """Sign the decision; what was typed stays when something is wrong with it."""
    _get_row(get_session(), dispute_id)
    form = RulingForm()
    if not form.validate_on_submit():
        return _render_case(dispute_id, ruling=form, status=400)
    try:
        with writing() as session:
            service.decide(
                session,
                dispute_id=dispute_id,
                ruling=_to_ruling(form),
                actor=_act_as(current_actor()),
                now=now(),
            )
    except DisputeInputError as error:
        field = {"refund_minor": form.amount, "grounds": form.grounds}.get(error.field, form.fault)
        field.errors = [*field.errors, input_error(error.code)]
        return _render_case(dispute_id, ruling=form, status=400)
    except IllegalAction:
        flash(MOVED_ON())
        return redirect(url_for("disputes.show_case", dispute_id=dispute_id), 303)
    flash(_("Decided. Both sides are told, and the seller’s record follows."))
    return redirect(url_for("disputes.show_case", dispute_id=dispute_id), 303)


@blueprint.get("/mediator/figures")
def show_figures() -> str:
    """The mediator's own clocks beside those of all."""
    session = get_session()
    _count_queue(session)
    since = now() - timedelta(days=FIGURE_DAYS)
    mine = reports.find_own_clock(session, mediator_id=current_actor().user_id, since=since, until=now())
    figures = queries.read_figures(session, now=now(), since=since)
    return render_template("disputes/figures.html", figures=figures, mine=mine, days=FIGURE_DAYS)


# Operators


@blueprint.get("/operator/disputes")
def list_all() -> str:
    """Every dispute: open ones by due time, then the latest ended."""
    session, wanted = get_session(), queries.Wanted(text=request.args.get("q", "").strip()[:200])
    page = read_page(queries.count_open(session, wanted=wanted))
    rows = queries.list_disputes(session, limit=page.size, offset=page.offset, wanted=wanted)
    ended = queries.list_disputes(session, only_open=False, limit=20, wanted=wanted) if page.number == 1 else []
    return render_template("disputes/operator_list.html", rows=rows, ended=ended, page=page, wanted=wanted)


def _render_any(dispute_id: int, *, failed: Failed | None = None, status: int = 200) -> tuple[str, int]:
    session = get_session()
    row = _get_row(session, dispute_id)
    page = build_case_page(session, row, reader=_reader(row), now=now())
    barred = queries.list_barred(session, row.dispute)
    return render_template(
        "disputes/operator_case.html", page=page, failed=failed,
        loads=[load for load in queries.list_loads(session) if load.mediator_id not in barred],
        links=queries.list_links(session, dispute_id, now=now()),
    ), status


@blueprint.get("/operator/disputes/<int:dispute_id>")
def show_any(dispute_id: int) -> tuple[str, int]:
    """One dispute, to read and to hand over."""
    return _render_any(dispute_id)


@blueprint.post("/operator/disputes/<int:dispute_id>/act/<action>")
def act_as_operator(dispute_id: int, action: str) -> tuple[str, int] | BaseResponse:
    """Hand over, assign, write, confirm or reopen."""
    return _perform(dispute_id, action, page="disputes.show_any", render=_render_any)


@blueprint.post("/operator/disputes/<int:dispute_id>/links")
def make_link(dispute_id: int) -> BaseResponse:
    """Make a link for the buyer; it is shown once."""
    row = _get_row(get_session(), dispute_id)
    language = request.form.get("language", row.place.language)
    with writing() as session:
        link = create_link(
            session, dispute_id=dispute_id, language=language, actor=_act_as(current_actor()), now=now())
    token = sign_link(link.id, secret=read_secret(get_site().settings))
    address = get_site().settings.base_url.rstrip("/") + url_for("buyers.show", token=token)
    flash(_("Send the buyer this address, it is shown only now: %(address)s", address=address))
    return redirect(url_for("disputes.show_any", dispute_id=dispute_id), 303)


@blueprint.post("/operator/disputes/<int:dispute_id>/links/<int:link_id>/revoke")
def revoke_link(dispute_id: int, link_id: int) -> BaseResponse:
    """Take a buyer's link back."""
    return _do(
        dispute_id,
        lambda session: revoke(session, dispute_id=dispute_id, link_id=link_id, now=now()),
        done=_("The link no longer opens the dispute."),
        page="disputes.show_any",
    )


# Sellers


@blueprint.get("/seller/disputes")
def list_own() -> str:
    """The company's disputes over all shops and marketplaces: open ones by due time, then the latest ended."""
    session, seller_id = get_session(), current_actor().seller_id
    shops = list_shop_cards(session, seller_id=seller_id)
    wanted = _read_wanted(shops)
    total = queries.count_open(session, seller_id=seller_id, wanted=wanted)
    page = read_page(total)
    rows = queries.list_disputes(
        session, seller_id=seller_id, limit=page.size, offset=page.offset, wanted=wanted)
    ended = queries.list_disputes(session, seller_id=seller_id, only_open=False, limit=SHOWN_ENDED, wanted=wanted)
    return render_template(
        "disputes/seller_list.html", rows=rows, total=total, ended=ended if page.number == 1 else [], page=page,
        shops=shops, wanted=wanted)


def _read_wanted(shops: Sequence[ShopCard]) -> queries.Wanted:
    """What the filter asks for; a shop that is not one's own filters nothing."""
    asked = request.args.get("shop", "")
    shop_id = next((card.id for card in shops if f"{card.marketplace_id}/{card.code}" == asked), None)
    mine = request.args.get("turn") == "mine"
    return queries.Wanted(shop_id, "seller" if mine else "", request.args.get("q", "").strip()[:200])


def _render_own(dispute_id: int, *, failed: Failed | None = None, status: int = 200) -> tuple[str, int]:
    session = get_session()
    row = _get_row(session, dispute_id)
    page = build_case_page(session, row, reader=_reader(row), now=now())
    return render_template(
        "disputes/seller_case.html", page=page, failed=failed, is_open=row.dispute.state in OPEN_STATES,
        templates=queries.list_templates(session, seller_id=row.place.seller_id),
    ), status


@blueprint.get("/seller/disputes/<int:dispute_id>")
def show_own(dispute_id: int) -> tuple[str, int]:
    """One dispute with what the seller may do; opening it changes nothing."""
    return _render_own(dispute_id)


@blueprint.post("/seller/disputes/<int:dispute_id>/act/<action>")
def act_as_seller(dispute_id: int, action: str) -> tuple[str, int] | BaseResponse:
    """Answer, offer, accept, prove, ask for a mediator, appeal."""
    return _perform(dispute_id, action, page="disputes.show_own", render=_render_own)


# Files and decisions


def _send_file(dispute_id: int, file_id: int) -> Response:
    row = _get_row(get_session(), dispute_id)
    file = find_file(get_session(), row.dispute, file_id, side=_act_as(current_actor()).side)
    if file is None:
        raise NotFound
    return send_attachment(file, find_store(), preview=bool(request.args.get("preview")))


@blueprint.get("/mediator/cases/<int:dispute_id>/files/<int:file_id>")
def show_file_to_mediator(dispute_id: int, file_id: int) -> Response:
    """A file of the case, as a download or a small picture."""
    return _send_file(dispute_id, file_id)


@blueprint.get("/operator/disputes/<int:dispute_id>/files/<int:file_id>")
def show_file_to_operator(dispute_id: int, file_id: int) -> Response:
    """A file of the case, as a download or a small picture."""
    return _send_file(dispute_id, file_id)


@blueprint.get("/seller/disputes/<int:dispute_id>/files/<int:file_id>")
def show_file_to_seller(dispute_id: int, file_id: int) -> Response:
    """A file of the case that was sent to the seller, as a download or a small picture."""
    return _send_file(dispute_id, file_id)


def _send_decision(dispute_id: int) -> Response:
    row = _get_row(get_session(), dispute_id)
    return send_decision(row, request.args.get("language") or get_language())


@blueprint.get("/mediator/cases/<int:dispute_id>/decision.pdf")
def show_decision_to_mediator(dispute_id: int) -> Response:
    """The decision as a document."""
    return _send_decision(dispute_id)


@blueprint.get("/operator/disputes/<int:dispute_id>/decision.pdf")
def show_decision_to_operator(dispute_id: int) -> Response:
    """The decision as a document."""
    return _send_decision(dispute_id)


@blueprint.get("/seller/disputes/<int:dispute_id>/decision.pdf")
def show_decision_to_seller(dispute_id: int) -> Response:
    """The decision as a document."""
    return _send_decision(dispute_id)
