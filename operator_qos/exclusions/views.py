"""Pages of requests: what sellers contest, the operator's queue, and the register that everybody reads."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.disputes.file import Kept
from operator_qos.disputes.forms import find_store, make_token, read_files, send_attachment
from operator_qos.exclusions import forms, phrases, queries, service
from operator_qos.exclusions.effects import list_effects
from operator_qos.exclusions.queries import RequestFile, RequestMissing
from operator_qos.exclusions.rules import ASK_DAYS, BY_ID, DECIDE_WORKING_DAYS, Cause
from operator_qos.exclusions.service import RequestRefused
from operator_qos.files import FileError
from operator_qos.i18n import gettext as _
from operator_qos.navigation import set_count
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import (
    OPERATOR,
    SELLER,
    current_actor,
    get_visible_shop,
    people,
    shop_ids_visible,
)
from operator_qos.web import get_session, now, read_page, safe_next, writing

blueprint = Blueprint("exclusions", __name__)
_OWN = "requests of one's own company; another one is the 404 of a missing one"
PERMISSIONS = {
    "exclusions.list_own": people(*SELLER, tenant=_OWN),
    "exclusions.show_new": people(*SELLER, tenant="get_visible_shop"),
    "exclusions.ask": people(*SELLER, tenant="get_visible_shop"),
    "exclusions.show_own": people(*SELLER, tenant=_OWN),
    "exclusions.appeal": people(*SELLER, tenant=_OWN),
    "exclusions.show_own_file": people(*SELLER, tenant=_OWN),
    "exclusions.list_all": people(*OPERATOR),
    "exclusions.decide_many": people(*OPERATOR),
    "exclusions.show_any": people(*OPERATOR),
    "exclusions.decide": people(*OPERATOR),
    "exclusions.end": people(*OPERATOR),
    "exclusions.show_file": people(*OPERATOR),
}
_NEW = "/seller/requests/new/<marketplace>/<shop>"


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    return {"phrases": phrases, "ask_days": ASK_DAYS, "decide_days": DECIDE_WORKING_DAYS}


# Sellers


@blueprint.get("/seller/requests")
def list_own() -> str:
    """What the company contested, with its state and clock."""
    session = get_session()
    shops = shop_ids_visible(session, current_actor()) or frozenset()
    waiting = queries.list_requests(session, shop_ids=shops, is_open=True)
    set_count("/seller/requests", len(waiting))
    return show("exclusions/own.html", waiting=waiting,
                decided=queries.list_requests(session, shop_ids=shops, is_open=False, limit=50))


def _render_new(marketplace: str, shop: str, *, error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    card = get_visible_shop(session, current_actor(), marketplace, shop)
    return show(
        "exclusions/new.html", card=card, links=ShopLinks("seller", card), error=error, typed=request.form,
        choices=forms.list_choices(session, card, now=now()), starts=forms.list_starts(session, card),
        causes=forms.list_cause_lines(session, card, now=now()), token=make_token(),
        metric=request.args.get("metric", ""), order=request.args.get("order", ""),
    ), status


@blueprint.get(_NEW)
def show_new(marketplace: str, shop: str) -> tuple[str, int]:
    """The form: what counts against the shop, the causes, the proof."""
    return _render_new(marketplace, shop)


@blueprint.post(_NEW)
def ask(marketplace: str, shop: str) -> tuple[str, int] | BaseResponse:
    """Ask; what was typed stays when something is wrong with it."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    store, plea = find_store(), None
    try:
        plea = forms.read_plea(store)
        with writing() as session:
            request_id, is_new = service.ask(session, shop=card, plea=plea, actor=current_actor().email, now=now())
    except (RequestRefused, FileError) as error:
        store.discard(plea.files if plea is not None else ())
        return _render_new(marketplace, shop, error=forms.explain(error), status=400)
    if not is_new:
        store.discard(plea.files)
    flash(_("Your request was sent. You are told as soon as it is decided."))
    return redirect(url_for("exclusions.show_own", request_id=request_id), 303)


def _get_file(session: Session, request_id: int) -> RequestFile:
    """The request, if the person may see it. Raises the same NotFound for a foreign and a missing one."""
    try:
        file = queries.get_request(session, request_id)
    except RequestMissing:
        raise NotFound from None
    visible = shop_ids_visible(session, current_actor())
    if visible is not None and file.request.shop.id not in visible:
        raise NotFound
    return file


def _render(request_id: int, audience: str, *, error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    file = _get_file(session, request_id)
    cause = BY_ID.get(file.request.cause, Cause(file.request.cause, file.items[0].scope, frozenset()))
    waits = [item for item in file.items if item.state == "open"] if audience == "operator" else []
    return show(
        "exclusions/request.html", file=file, card=file.request.shop, links=ShopLinks(audience, file.request.shop),
        cause=forms.build_cause(cause), error=error, typed=request.form, audience=audience, me=current_actor(),
        effects=list_effects(session, waits, now=now()),
        may_appeal=file.appeal_until is not None and now() <= file.appeal_until,
    ), status


@blueprint.get("/seller/requests/<int:request_id>")
def show_own(request_id: int) -> tuple[str, int]:
    """One request: its things, who decided what and why, and how to appeal."""
    return _render(request_id, "seller")


@blueprint.post("/seller/requests/<int:request_id>/appeal")
def appeal(request_id: int) -> tuple[str, int] | BaseResponse:
    """Ask for another look by somebody else."""
    _get_file(get_session(), request_id)
    store = find_store()
    try:
        files = store.keep_all(read_files())
    except FileError as error:
        return _render(request_id, "seller", error=forms.explain(error), status=400)
    try:
        with writing() as session:
            service.appeal(session, request_id=request_id, body=request.form.get("body", ""), files=files,
                           actor=current_actor().email, now=now())
    except RequestRefused as error:
        store.discard(files)
        return _render(request_id, "seller", error=forms.explain(error), status=400)
    flash(_("Your appeal was sent. Somebody else decides it."))
    return redirect(url_for("exclusions.show_own", request_id=request_id), 303)


def _send_file(request_id: int, file_id: int) -> Response:
    file = next((f for f in _get_file(get_session(), request_id).files if f.id == file_id), None)
    if file is None:
        raise NotFound
    kept = Kept(file.name, file.media_type, file.stored_as)
    return send_attachment(kept, find_store(), preview=bool(request.args.get("preview")))


@blueprint.get("/seller/requests/<int:request_id>/files/<int:file_id>")
def show_own_file(request_id: int, file_id: int) -> Response:
    """A proof, as a download or a small picture."""
    return _send_file(request_id, file_id)


# The operator


@blueprint.get("/operator/requests")
def list_all() -> str:
    """What waits for a decision, by due time, and what was decided last."""
    return _render_queue()[0]


def _render_queue(error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    page = read_page(queries.count_requests(session, is_open=True))
    set_count("/operator/requests", page.total)
    return show(
        "exclusions/queue.html", page=page, error=error, typed=request.form, me=current_actor(),
        waiting=queries.list_requests(session, is_open=True, limit=page.size, offset=page.offset),
        decided=queries.list_requests(session, is_open=False, limit=20),
        late=queries.count_late(session, now=now()), ticked=forms.read_ids("request"),
    ), status


@blueprint.post("/operator/requests/decide")
def decide_many() -> tuple[str, int] | BaseResponse:
    """Grant or refuse the requests ticked, all or none of them, for the same reasons."""
    ids = sorted(forms.read_ids("request"))
    if not ids:
        return _render_queue(_("Tick the requests to decide."), 400)
    try:
        with writing() as session:
            for request_id in ids:
                items = queries.get_request(session, request_id).items
                granted = {item.id for item in items} if request.form.get("do") == "grant" else set()
                service.decide(session, request_id=request_id, granted=granted, why=request.form.get("why", ""),
                               actor=current_actor().email, now=now())
    except RequestMissing:
        raise NotFound from None
    except RequestRefused as error:
        return _render_queue(forms.explain(error), 400)
    flash(_("Decided. The sellers are told, and the official numbers follow."))
    return redirect(url_for("exclusions.list_all"), 303)


@blueprint.get("/operator/requests/<int:request_id>")
def show_any(request_id: int) -> tuple[str, int]:
    """One request with its proof and what granting it would move."""
    return _render(request_id, "operator")


def _change(request_id: int, work: Callable[[Session], object], done: str) -> tuple[str, int] | BaseResponse:
    _get_file(get_session(), request_id)
    try:
        with writing() as session:
            work(session)
    except RequestRefused as error:
        return _render(request_id, "operator", error=forms.explain(error), status=400)
    flash(done)
    target = safe_next(request.form.get("next"), url_for("exclusions.show_any", request_id=request_id))
    return redirect(target, 303)


@blueprint.post("/operator/requests/<int:request_id>/decide")
def decide(request_id: int) -> tuple[str, int] | BaseResponse:
    """Grant what is ticked and refuse the rest, with reasons."""
    granted = forms.read_ids("item") if request.form.get("do") == "grant" else set()

    def work(session: Session) -> object:
        return service.decide(session, request_id=request_id, granted=granted, why=request.form.get("why", ""),
                              actor=current_actor().email, now=now())

    return _change(request_id, work, _("Decided. The seller is told, and the official numbers follow."))


@blueprint.post("/operator/requests/<int:request_id>/end")
def end(request_id: int) -> tuple[str, int] | BaseResponse:
    """Let what was forgiven count again, with a reason."""
    def work(session: Session) -> object:
        return service.end_exclusions(session, request_id=request_id, item_ids=forms.read_ids("item"),
                                      why=request.form.get("why", ""), actor=current_actor().email, now=now())

    return _change(request_id, work, _("It counts again from now on. The seller is told."))


@blueprint.get("/operator/requests/<int:request_id>/files/<int:file_id>")
def show_file(request_id: int, file_id: int) -> Response:
    """A proof, as a download or a small picture."""
    return _send_file(request_id, file_id)
