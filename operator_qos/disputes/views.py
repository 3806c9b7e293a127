"""Pages of disputes: the mediators' queue and cases, the operator's and the seller's lists and cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos import words
from operator_qos.disputes import queries, service
from operator_qos.disputes.case_page import Reader, build_case_page
from operator_qos.disputes.forms import (
    CLAUSE_NUMBERS,
    REMEDY_NAMES,
    AnswerForm,
    EvidenceForm,
    RulingForm,
    make_token,
)
from operator_qos.disputes.queries import DisputeRow
from operator_qos.disputes.rules import IN_MEDIATION, OPEN_STATES, IllegalAction
from operator_qos.disputes.service import DisputeInputError, Ruling
from operator_qos.navigation import set_count
from operator_qos.permissions import MEDIATOR, OPERATOR, SELLER, Actor, current_actor, people
from operator_qos.web import get_language, get_session, now, read_page, take_page, writing

blueprint = Blueprint("disputes", __name__)
_SEEN = "a case decided, waiting, or on one's own desk; else the 404 of a missing one"
_OWN = "a dispute of one's own company; else the 404 of a missing one"
PERMISSIONS = {
    "disputes.show_queue": people(*MEDIATOR, tenant="cases waiting, or on one's own desk"),
    "disputes.show_case": people(*MEDIATOR, tenant=_SEEN),
    "disputes.take_case": people(*MEDIATOR, tenant=_SEEN),
    "disputes.declare_conflict": people(*MEDIATOR, tenant=_SEEN),
    "disputes.ask_evidence": people(*MEDIATOR, tenant=_SEEN),
    "disputes.decide": people(*MEDIATOR, tenant=_SEEN),
    "disputes.show_figures": people(*MEDIATOR),
    "disputes.list_all": people(*OPERATOR),
    "disputes.show_any": people(*OPERATOR),
    "disputes.escalate_any": people(*OPERATOR),
    "disputes.list_own": people(*SELLER, tenant="disputes of one's own company"),
    "disputes.show_own": people(*SELLER, tenant=_OWN),
    "disputes.answer": people(*SELLER, tenant=_OWN),
    "disputes.escalate_own": people(*SELLER, tenant=_OWN),
    "disputes.give_evidence": people(*SELLER, tenant=_OWN),
}
FIGURE_DAYS = 90
SHOWN_ENDED = 200
INPUT_ERRORS = {
    "empty": lambda: _("Write something first."),
    "long": lambda: _("This text is too long."),
    "past": lambda: _("This moment is over. Choose a later one."),
    "range": lambda: _("At most the amount asked for can be refunded."),
    "remedy": lambda: _("Only a refund has an amount, and it needs one above zero."),
    "unknown": lambda: _("This choice is not on the list."),
}


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    lists = {"lower_parties": _lower_parties, "lower_defects": _lower_defects}
    return {"words": words, "in_mediation": IN_MEDIATION, **lists}


def _lower_parties(parties: Sequence[str]) -> str:
    return ", ".join(str(words.party_name(party)).lower() for party in parties)


def _lower_defects(kinds: Sequence[str]) -> str:
    return ", ".join(str(words.defect_name(kind)).lower() for kind in kinds)


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


def _do(dispute_id: int, act: Callable[[Session], object], *, done: str, page: str) -> BaseResponse:
    """Carry out one action, say what came of it and return to the page."""
    _get_row(get_session(), dispute_id)
    try:
        with writing() as session:
            was_new = act(session) is not False
        flash(done if was_new else _("This was done before; nothing was changed."))
    except IllegalAction:
        flash(_("This is no longer possible: the dispute has moved on. Nothing was changed."))
    except DisputeInputError as error:
        flash(INPUT_ERRORS[error.code]())
    return redirect(url_for(page, dispute_id=dispute_id), 303)


def _reader(row: DisputeRow) -> Reader:
    actor = current_actor()
    zone = row.place.shop_zone if actor.is_seller else row.place.zone
    return Reader(_act_as(actor).role, get_language(), zone)


# Mediators


def _count_queue(session: Session) -> list[DisputeRow]:
    rows = queries.list_queue(session, current_actor().user_id)
    set_count("/mediator/queue", len(rows))
    return rows


@blueprint.get("/mediator/queue")
def show_queue() -> str:
    """What waits for a decision, by due time and amount."""
    session = get_session()
    rows = _count_queue(session)
    late = sum(1 for row in rows if row.dispute.decision_due_at and row.dispute.decision_due_at < now())
    return render_template(
        "disputes/queue.html",
        rows=rows,
        late=late,
        me=current_actor().user_id,
        running=queries.find_next_lapse(session),
    )


def _render_case(
    dispute_id: int,
    *,
    ruling: RulingForm | None = None,
    evidence: EvidenceForm | None = None,
    status: int = 200,
) -> tuple[str, int]:
    session = get_session()
    row = _get_row(session, dispute_id)
    _count_queue(session)
    page = build_case_page(session, row, reader=_reader(row), now=now())
    mine = row.dispute.mediator_id in (None, current_actor().user_id)
    barred = queries.has_conflict(session, row.dispute, current_actor().user_id)
    today = now().astimezone(ZoneInfo(page.zone)).date()
    return render_template(
        "disputes/mediator_case.html",
        page=page,
        ruling=ruling or RulingForm(),
        evidence=evidence or EvidenceForm(today=today),
        may_act=mine and not barred,
        is_own=row.dispute.mediator_id == current_actor().user_id,
        remedies=REMEDY_NAMES,
        clauses=CLAUSE_NUMBERS,
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


@blueprint.post("/mediator/cases/<int:dispute_id>/evidence")
def ask_evidence(dispute_id: int) -> tuple[str, int] | BaseResponse:
    """Ask the seller for proof."""
    row = _get_row(get_session(), dispute_id)
    zone = ZoneInfo(row.place.zone)
    form = EvidenceForm(today=now().astimezone(zone).date())
    if not form.validate_on_submit():
        return _render_case(dispute_id, evidence=form, status=400)
    due_at = datetime.combine(form.due_on.data + timedelta(days=1), time(), zone) - timedelta(seconds=1)
    return _do(
        dispute_id,
        lambda session: service.ask_evidence(
            session, dispute_id=dispute_id, due_at=due_at, actor=_act_as(current_actor()), now=now()
        ),
        done=_("The seller was asked for proof."),
        page="disputes.show_case",
    )


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
        field.errors = [*field.errors, INPUT_ERRORS[error.code]()]
        return _render_case(dispute_id, ruling=form, status=400)
    except IllegalAction:
        flash(_("This is no longer possible: the dispute has moved on. Nothing was changed."))
        return redirect(url_for("disputes.show_case", dispute_id=dispute_id), 303)
    flash(_("Decided. Both sides are told, and the seller’s record follows."))
    return redirect(url_for("disputes.show_case", dispute_id=dispute_id), 303)


@blueprint.get("/mediator/figures")
def show_figures() -> str:
    """The mediators' own clock."""
    session = get_session()
    _count_queue(session)
    figures = queries.read_figures(session, now=now(), since=now() - timedelta(days=FIGURE_DAYS))
    return render_template("disputes/figures.html", figures=figures, days=FIGURE_DAYS)


# Operators


@blueprint.get("/operator/disputes")
def list_all() -> str:
    """Every dispute: open ones by due time, then the latest ended."""
    session = get_session()
    total = queries.count_open(session)
    page = read_page(total)
    rows = queries.list_disputes(session, limit=page.size, offset=page.offset)
    ended = queries.list_disputes(session, only_open=False, limit=20) if page.number == 1 else []
    return render_template("disputes/operator_list.html", rows=rows, ended=ended, page=page)


@blueprint.get("/operator/disputes/<int:dispute_id>")
def show_any(dispute_id: int) -> str:
    """One dispute, to read and to hand over."""
    session = get_session()
    row = _get_row(session, dispute_id)
    page = build_case_page(session, row, reader=_reader(row), now=now())
    return render_template("disputes/operator_case.html", page=page, remedies=REMEDY_NAMES)


@blueprint.post("/operator/disputes/<int:dispute_id>/escalate")
def escalate_any(dispute_id: int) -> BaseResponse:
    """Hand a case to the mediators."""
    return _escalate(dispute_id, "disputes.show_any")


def _escalate(dispute_id: int, page: str) -> BaseResponse:
    return _do(
        dispute_id,
        lambda session: service.escalate(
            session, dispute_id=dispute_id, actor=_act_as(current_actor()), now=now()
        ),
        done=_("The case is with the mediators now."),
        page=page,
    )


# Sellers


@blueprint.get("/seller/disputes")
def list_own() -> str:
    """The company's disputes: open ones by due time, then the ended."""
    session, seller_id = get_session(), current_actor().seller_id
    total = queries.count_open(session, seller_id=seller_id)
    rows = queries.list_disputes(session, seller_id=seller_id, limit=SHOWN_ENDED)
    ended = queries.list_disputes(session, seller_id=seller_id, only_open=False, limit=SHOWN_ENDED)
    page = read_page(len(ended))
    return render_template(
        "disputes/seller_list.html", rows=rows, total=total, ended=take_page(ended, page), page=page
    )


def _render_own(dispute_id: int, *, form: AnswerForm | None = None, status: int = 200) -> tuple[str, int]:
    session = get_session()
    row = _get_row(session, dispute_id)
    page = build_case_page(session, row, reader=_reader(row), now=now())
    return render_template(
        "disputes/seller_case.html",
        page=page,
        form=form or AnswerForm(),
        token=make_token(),
        remedies=REMEDY_NAMES,
        is_open=row.dispute.state in OPEN_STATES,
    ), status


@blueprint.get("/seller/disputes/<int:dispute_id>")
def show_own(dispute_id: int) -> tuple[str, int]:
    """One dispute with the answer form; opening it changes nothing."""
    return _render_own(dispute_id)


@blueprint.post("/seller/disputes/<int:dispute_id>/answer")
def answer(dispute_id: int) -> tuple[str, int] | BaseResponse:
    """Write to the buyer."""
    _get_row(get_session(), dispute_id)
    form = AnswerForm()
    if not form.validate_on_submit():
        return _render_own(dispute_id, form=form, status=400)
    return _do(
        dispute_id,
        lambda session: service.answer_buyer(
            session,
            dispute_id=dispute_id,
            text=form.text.data,
            awaits_buyer=form.awaits_buyer.data,
            token=form.token.data,
            actor=_act_as(current_actor()),
            now=now(),
        ),
        done=_("Your message was sent to the buyer."),
        page="disputes.show_own",
    )


@blueprint.post("/seller/disputes/<int:dispute_id>/escalate")
def escalate_own(dispute_id: int) -> BaseResponse:
    """Ask for a mediator."""
    return _escalate(dispute_id, "disputes.show_own")


@blueprint.post("/seller/disputes/<int:dispute_id>/evidence")
def give_evidence(dispute_id: int) -> tuple[str, int] | BaseResponse:
    """Send the proof a mediator asked for."""
    _get_row(get_session(), dispute_id)
    form = AnswerForm()
    if not form.validate_on_submit():
        return _render_own(dispute_id, form=form, status=400)
    return _do(
        dispute_id,
        lambda session: service.give_evidence(
            session,
            dispute_id=dispute_id,
            text=form.text.data,
            token=form.token.data,
            actor=_act_as(current_actor()),
            now=now(),
        ),
        done=_("Your proof was sent to the mediator."),
        page="disputes.show_own",
    )
