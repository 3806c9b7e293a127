"""Appeals: a seller contests, follows and withdraws; the operator admits, assigns and decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta

from flask import Blueprint, Response, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.disputes.file import Kept
from operator_qos.disputes.forms import FILE_ERRORS, find_store, read_files, send_attachment
from operator_qos.files import FileError, Upload
from operator_qos.i18n import gettext as _
from operator_qos.navigation import set_count
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, people, shop_ids_visible
from operator_qos.recourse import phrases, queries, rules, service
from operator_qos.recourse.queries import AppealMissing, AppealRow, ChangeFacts, Contested
from operator_qos.recourse.rules import AppealRefused, IllegalStep
from operator_qos.recourse.things import list_things
from operator_qos.sellers.queries import ShopCard
from operator_qos.standards.binding import list_bindings
from operator_qos.web import get_session, now, read_number, read_page, take_page, writing
from scoring.dossier import Name

blueprint = Blueprint("recourse", __name__)
_OWN = "appeals of one's own company; another one is the 404 of a missing one"
PERMISSIONS = {
    "recourse.list_own": people(*SELLER, tenant=_OWN),
    "recourse.show_new": people(*SELLER, tenant=_OWN),
    "recourse.file": people(*SELLER, tenant=_OWN),
    "recourse.show_own": people(*SELLER, tenant=_OWN),
    "recourse.write_own": people(*SELLER, tenant=_OWN),
    "recourse.withdraw": people(*SELLER, tenant=_OWN),
    "recourse.show_own_file": people(*SELLER, tenant=_OWN),
    "recourse.list_all": people(*OPERATOR),
    "recourse.show_any": people(*OPERATOR),
    "recourse.act": people(*OPERATOR),
    "recourse.show_file": people(*OPERATOR),
}
_WINDOW = timedelta(days=184)
Answer = tuple[str, int] | BaseResponse


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    return {"phrases": phrases, "say": phrases.say}


# Sellers


@blueprint.get("/seller/appeals")
def list_own() -> str:
    """One's own appeals, and what may still be contested."""
    session = get_session()
    shops = shop_ids_visible(session, current_actor()) or frozenset()
    appeals = queries.list_appeals(session, shop_ids=shops)
    taken = {row.change_id for row in appeals if row.state not in {"withdrawn", "inadmissible"}}
    found = [change for change in queries.list_contestable(session, shops, since=(now() - _WINDOW).date())
             if change.id not in taken]
    cards = queries.list_cards(session, {change.shop_id for change in found})
    page = read_page(len(appeals))
    return show("recourse/seller_appeals.html", appeals=take_page(appeals, page), page=page, audience="seller",
                contestable=[(change, text, cards[change.shop_id]) for change, text in _word(session, found[:20])],
                titles=_list_titles(session, take_page(appeals, page)))


def _word(session: Session, changes: Sequence[ChangeFacts]) -> list[tuple[ChangeFacts, str]]:
    """Changes in words."""
    bindings = list_bindings(session, sorted({change.shop_id for change in changes}))
    return [(change, phrases.say_change(change, bindings[change.shop_id].on(change.on_date))) for change in changes]


def _list_titles(session: Session, appeals: Sequence[AppealRow]) -> dict[int, str]:
    """What each appeal is about, in words."""
    found: dict[int, str] = {}
    bindings = list_bindings(session, sorted({row.shop.id for row in appeals}))
    for row in appeals:
        contested = queries.find_contested(session, row.shop.id, change_id=row.change_id, act_id=row.act_id)
        standard = bindings[row.shop.id].on(row.contested_on)
        found[row.id] = phrases.say_contested(contested, standard) if contested is not None else row.subject
    return found


def _find_asked() -> tuple[ShopCard, Contested]:
    """What the address names, if it is the company's own. Raises NotFound."""
    session = get_session()
    shops = shop_ids_visible(session, current_actor()) or frozenset()
    asked = {name: read_number(request.values.get(name)) for name in ("change", "act")}
    for shop_id in sorted(shops):
        found = queries.find_contested(session, shop_id, change_id=asked["change"], act_id=asked["act"])
        if found is not None and found.took_effect:
            return queries.get_shop(session, shop_id), found
    raise NotFound


def _render_new(error: str = "", status: int = 200) -> tuple[str, int]:
    card, contested = _find_asked()
    session = get_session()
    standard = queries.get_standard(session, card.id, contested.on)
    known = queries.find_appeal_of(session, change_id=contested.change_id, act_id=contested.act_id)
    last_on = rules.window_ends_on(contested.on)
    return show(
        "recourse/new.html", card=card, contested=contested, links=ShopLinks("seller", card), error=error,
        title=phrases.say_contested(contested, standard), known=known, last_on=last_on, grounds=phrases.GROUNDS,
        is_late=now().date() > last_on, days=rules.DECISION_DAYS, typed=request.form,
        reasons=phrases.say_reasons(contested.change) if contested.change is not None else [],
    ), status


@blueprint.get("/seller/appeals/new")
def show_new() -> tuple[str, int]:
    """The form to contest one change or act."""
    return _render_new()


@blueprint.post("/seller/appeals/new")
def file() -> Answer:
    """File an appeal."""
    card, contested = _find_asked()
    store = find_store()
    try:
        files = store.keep_all(read_files())
    except FileError as error:
        return _render_new(str(FILE_ERRORS[error.code]()), 400)
    filing = service.Filing(card.id, request.form.get("grounds", ""), request.form.get("text", ""),
                            contested.change_id, contested.act_id, files)
    try:
        with writing() as session:
            appeal_id = service.file_appeal(session, filing, actor=current_actor().email, now=now())
    except AppealRefused as refused:
        store.discard(files)
        return _render_new(phrases.say_refusal(refused.code), 400)
    flash(_("Your appeal was sent. A person who had no part in the decision looks at it."))
    return redirect(url_for("recourse.show_own", appeal_id=appeal_id), 303)


def _get_visible(appeal_id: int) -> AppealRow:
    """The appeal, if the person may see it. Raises the same NotFound for a foreign one and a missing one."""
    session = get_session()
    try:
        row = queries.get_appeal(session, appeal_id)
    except AppealMissing:
        raise NotFound from None
    visible = shop_ids_visible(session, current_actor())
    if visible is not None and row.shop.id not in visible:
        raise NotFound
    return row


def _render(row: AppealRow, audience: str, error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    contested = queries.find_contested(session, row.shop.id, change_id=row.change_id, act_id=row.act_id)
    standard = queries.get_standard(session, row.shop.id, row.contested_on)
    change = contested.change if contested is not None else None
    restated = queries.list_restated(session, row.id)
    decides = audience == "operator" and row.state == "assigned" and row.assigned_to == current_actor().email
    return show(
        "recourse/appeal.html", row=row, card=row.shop, audience=audience, links=ShopLinks(audience, row.shop),
        title=phrases.say_contested(contested, standard) if contested is not None else row.subject, contested=contested,
        reasons=phrases.say_reasons(change) if change is not None else [], steps=queries.list_steps(session, row.id),
        files=queries.list_files(session, row.id), allowed=rules.list_allowed(row.state, audience), error=error,
        typed=request.form, judges=queries.list_judges(session, row.id) if audience == "operator" else [],
        restated=restated, numbers=queries.list_restated_numbers(session, restated[0], row.shop.id) if restated else [],
        standard=standard, me=current_actor().email, decides=decides, days=rules.DECISION_DAYS,
        things=list_things(session, change, standard) if decides and change is not None else [],
        falling=_list_falling(session, row) if decides else [],
    ), status


def _list_falling(session: Session, row: AppealRow) -> list[tuple[ChangeFacts, str]]:
    """What a decision may take back: what is contested and what went against the shop from its date on."""
    found = queries.list_contestable(session, [row.shop.id], since=row.contested_on)
    return _word(session, sorted(found, key=lambda one: (one.on_date, one.id)))


@blueprint.get("/seller/appeals/<int:appeal_id>")
def show_own(appeal_id: int) -> tuple[str, int]:
    """One appeal: where it is, who owes what until when, what was said, what it restored."""
    return _render(_get_visible(appeal_id), "seller")


def _send_file(appeal_id: int, file_id: int) -> Response:
    row = _get_visible(appeal_id)
    found = next((one for one in queries.list_files(get_session(), row.id) if one.id == file_id), None)
    if found is None:
        raise NotFound
    kept = Kept(found.name, found.media_type, found.stored_as)
    return send_attachment(kept, find_store(), preview=bool(request.args.get("preview")))


@blueprint.get("/seller/appeals/<int:appeal_id>/files/<int:file_id>")
def show_own_file(appeal_id: int, file_id: int) -> Response:
    """A file of an appeal."""
    return _send_file(appeal_id, file_id)


@blueprint.get("/operator/appeals/<int:appeal_id>/files/<int:file_id>")
def show_file(appeal_id: int, file_id: int) -> Response:
    """The same for the operator."""
    return _send_file(appeal_id, file_id)


def _change(  # which appeal, seen by whom, what is done
    appeal_id: int, audience: str, work: Callable[[Session], object], done: str, files: Sequence[Upload] = ()
) -> Answer:
    try:
        with writing() as session:
            work(session)
    except (AppealRefused, IllegalStep) as error:
        find_store().discard(files)
        code = error.code if isinstance(error, AppealRefused) else "moved_on"
        return _render(_get_visible(appeal_id), audience, phrases.say_refusal(code), 400)
    flash(done)
    place = "recourse.show_own" if audience == "seller" else "recourse.show_any"
    return redirect(url_for(place, appeal_id=appeal_id), 303)


def _write(appeal_id: int, audience: str) -> Answer:
    row = _get_visible(appeal_id)
    try:
        files = find_store().keep_all(read_files())
    except FileError as error:
        return _render(row, audience, str(FILE_ERRORS[error.code]()), 400)
    text, actor = request.form.get("text", ""), current_actor().email
    return _change(appeal_id, audience, lambda session: service.write(
        session, appeal_id=appeal_id, text=text, side=audience, actor=actor, now=now(), files=files), _("Sent."), files)


@blueprint.post("/seller/appeals/<int:appeal_id>/write")
def write_own(appeal_id: int) -> Answer:
    """Add words or proof."""
    return _write(appeal_id, "seller")


@blueprint.post("/seller/appeals/<int:appeal_id>/withdraw")
def withdraw(appeal_id: int) -> Answer:
    """Take an appeal back."""
    _get_visible(appeal_id)
    actor = current_actor().email
    return _change(appeal_id, "seller", lambda session: service.withdraw(
        session, appeal_id=appeal_id, actor=actor, now=now()), _("Withdrawn. You may appeal again in the time left."))


# The operator


@blueprint.get("/operator/appeals")
def list_all() -> str:
    """Appeals by what is owed next."""
    session = get_session()
    chosen = "ended" if request.args.get("show") == "ended" else "open"
    states = rules.OPEN_STATES if chosen == "open" else set(rules.STATES) - rules.OPEN_STATES
    found = queries.list_appeals(session, states=states)
    page = read_page(len(found))
    rows = take_page(found, page)
    set_count("/operator/appeals", queries.count_owed(session))
    return show("recourse/operator_appeals.html", appeals=rows, page=page, chosen=chosen, me=current_actor().email,
                titles=_list_titles(session, rows), audience="operator")


@blueprint.get("/operator/appeals/<int:appeal_id>")
def show_any(appeal_id: int) -> tuple[str, int]:
    """One appeal for the operator, with what may be done."""
    return _render(_get_visible(appeal_id), "operator")


@blueprint.post("/operator/appeals/<int:appeal_id>/<action>")
def act(appeal_id: int, action: str) -> Answer:
    """Admit, refuse, assign, write or decide."""
    _get_visible(appeal_id)
    if action == "write":
        return _write(appeal_id, "operator")
    works = {"admit": _admit, "refuse": _refuse, "assign": _assign, "decide": _decide}
    if action not in works:
        raise NotFound
    work, done = works[action](appeal_id, current_actor().email)
    return _change(appeal_id, "operator", work, done)


Work = tuple[Callable[[Session], object], str]


def _admit(appeal_id: int, actor: str) -> Work:
    return (lambda session: service.admit(session, appeal_id=appeal_id, actor=actor, now=now())), _("Admitted.")


def _refuse(appeal_id: int, actor: str) -> Work:
    text = request.form.get("text", "")
    return (lambda session: service.refuse(session, appeal_id=appeal_id, text=text, actor=actor, now=now()),
            _("The seller was told why this is not admissible."))


def _assign(appeal_id: int, actor: str) -> Work:
    to = request.form.get("to", "")
    return (lambda session: service.assign(session, appeal_id=appeal_id, to=to, actor=actor, now=now()),
            _("Assigned."))


def _decide(appeal_id: int, actor: str) -> Work:
    sent = request.form
    names = [name for text in sent.getlist("thing") if (name := _read_name(text)) is not None]
    changes = [number for text in sent.getlist("change") if (number := read_number(text)) is not None]
    ruling = service.Ruling(sent.get("outcome", ""), sent.get("reasons", ""), changes, names, sent.get("scope", "both"))
    return (lambda session: service.decide(session, ruling, appeal_id=appeal_id, actor=actor, now=now()),
            _("Decided and carried out. The seller was told."))


def _read_name(text: str) -> Name | None:
    """The name of a promise or defect as the form holds it; None for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    is_name = isinstance(found, list) and len(found) > 1 and all(isinstance(part, str) for part in found)
    return tuple(found) if is_name else None
