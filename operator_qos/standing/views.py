"""The seller's own pages: the day, the scorecard, a conversation, the notices."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.clock import to_ms
from operator_qos.i18n import gettext as _
from operator_qos.ledger.clocks.traces import PromiseClock, find_clock, list_promises
from operator_qos.navigation import set_count
from operator_qos.notices.queries import Reader, count_unread, list_all_own_words, list_notices
from operator_qos.notices.service import mark_all_read, mark_read
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import SELLER, current_actor, get_visible_shop, people
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standards.clock_drawing import draw_clock
from operator_qos.standing import conversations
from operator_qos.standing.conversations import (
    Conversation,
    ConversationMissingError,
    NothingOpenError,
    Reply,
    ReplyTextError,
)
from operator_qos.standing.day import build_day, read_counts, read_view
from operator_qos.standing.day_queries import MINE, count_mine, list_zones
from operator_qos.standing.feed import Reading, build_lines
from operator_qos.standing.forms import ReplyForm, make_token
from operator_qos.standing.scorecard import build_scorecard
from operator_qos.web import get_language, get_session, get_site, now, read_page, take_page, writing
from scoring.standards import title_in

blueprint = Blueprint("seller", __name__)
_OWN_SHOPS = "shops of one's own company; another one is the 404 of a missing one"
PERMISSIONS = {
    "seller.show_day": people(*SELLER, tenant=_OWN_SHOPS),
    "seller.show_scorecard": people(*SELLER, tenant=_OWN_SHOPS),
    "seller.show_conversation": people(*SELLER, tenant="get_visible_shop"),
    "seller.end_turn": people(*SELLER, tenant="get_visible_shop"),
    "seller.show_notices": people(*SELLER, tenant="notices of one's own company"),
    "seller.mark_notice": people(*SELLER, tenant="notices of one's own company"),
    "seller.mark_all_notices": people(*SELLER, tenant="notices of one's own company"),
}
FEED = 200
_CONVERSATION = "/seller/conversations/<marketplace>/<shop>/<path:conversation>"


def _list_own_cards(session: Session) -> list[ShopCard]:
    seller_id = current_actor().seller_id
    return list_shop_cards(session, seller_id=seller_id) if seller_id is not None else []


def _find_asked(cards: Sequence[ShopCard]) -> ShopCard | None:
    """The shop of `?shop=marketplace/code`; a foreign and a missing one raise the same NotFound."""
    asked = request.args.get("shop", "")
    if not asked:
        return None
    found = next((card for card in cards if name_shop(card) == asked), None)
    if found is None:
        raise NotFound
    return found


def name_shop(card: ShopCard) -> str:
    """A shop in an address."""
    return f"{card.marketplace_id}/{card.code}"


def _links(cards: Sequence[ShopCard]) -> dict[int, ShopLinks]:
    return {card.id: ShopLinks("seller", card) for card in cards}


def _reader() -> Reader:
    actor = current_actor()
    return Reader(actor.user_id, actor.role, actor.seller_id)


def _set_counts(session: Session, cards: Sequence[ShopCard]) -> None:
    """The numbers of the menu that these pages know cheaply."""
    set_count("/seller/day", count_mine(session, [card.id for card in cards]))
    set_count("/seller/notices", count_unread(session, _reader()))


@blueprint.get("/seller/day")
def show_day() -> str:
    """Everything owed over all shops, by due time; opening it changes nothing."""
    session = get_session()
    cards = _list_own_cards(session)
    view = read_view(cards, chosen=_find_asked(cards), asked=request.args.get("kind", ""))
    every = read_counts(session, cards, now=now())
    counts = every.narrow(view.shop_ids)
    page = read_page(counts.of(view.state, kind=view.kind))
    set_count("/seller/day", every.of(MINE))
    set_count("/seller/notices", count_unread(session, _reader()))
    return show(
        "seller/day.html",
        day=build_day(session, view, counts=counts, now=now(), offset=page.offset, limit=page.size),
        page=page,
        links=_links(cards),
        name_shop=name_shop,
    )


@blueprint.get("/seller/scorecard")
def show_scorecard() -> str:
    """Where a shop stands, what the next level takes and what counts against it."""
    session = get_session()
    cards = _list_own_cards(session)
    card = _find_asked(cards) or next(iter(cards), None)
    _set_counts(session, cards)
    if card is None:
        return show("seller/no_shop.html")
    page = build_scorecard(session, card, now=now(), asked=request.args.get("metric"))
    return show(
        "seller/scorecard.html",
        page=page,
        card=card,
        cards=cards,
        links=ShopLinks("seller", card),
        name_shop=name_shop,
        standard=page.standard,
        standard_title=title_in(page.standard.title, get_language()),
    )


def _get_conversation(card: ShopCard, ref: str) -> Conversation:
    try:
        return conversations.get_conversation(get_session(), card.id, ref)
    except ConversationMissingError:
        raise NotFound from None


def _find_last_clock(card: ShopCard, ref: str) -> PromiseClock | None:
    """The clock of the last question of the buyer in a conversation."""
    owed = [one for one in list_promises(get_session(), card.id, conversation=ref) if one.owes == "seller"]
    if not owed:
        return None
    return find_clock(get_session(), card.id, kind=owed[-1].kind, ref=owed[-1].ref, now_ms=to_ms(now()))


def _render_conversation(
    card: ShopCard, ref: str, *, form: ReplyForm | None = None, status: int = 200
) -> tuple[str, int]:
    session = get_session()
    found = _get_conversation(card, ref)
    clock = _find_last_clock(card, ref)
    _set_counts(session, _list_own_cards(session))
    return show(
        "seller/conversation.html",
        talk=found,
        clock=clock,
        drawing=draw_clock(clock.trace, clock.zone, open_hours=clock.open_hours, is_ended=clock.is_ended)
        if clock
        else None,
        card=card,
        zone=list_zones(session, [card.id])[card.id],
        links=ShopLinks("seller", card),
        form=form or ReplyForm(),
        token=make_token(),
    ), status


@blueprint.get(_CONVERSATION)
def show_conversation(marketplace: str, shop: str, conversation: str) -> tuple[str, int]:
    """A conversation with the answer form; opening it settles nothing."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    return _render_conversation(card, conversation)


@blueprint.post(_CONVERSATION)
def end_turn(marketplace: str, shop: str, conversation: str) -> tuple[str, int] | BaseResponse:
    """Answer the buyer, or mark that no reply is needed."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    _get_conversation(card, conversation)
    if request.form.get("do") == "waive":
        return _waive(card, conversation)
    form = ReplyForm()
    if not form.validate_on_submit():
        return _render_conversation(card, conversation, form=form, status=400)
    reply = Reply(form.text.data, bool(form.awaits_buyer.data), form.token.data)
    try:
        with writing() as session:
            was_new = conversations.send_reply(
                session, card, conversation, reply=reply, actor=current_actor().email, now=now()
            )
    except ReplyTextError:
        form.text.errors = [_("Write an answer first.")]
        return _render_conversation(card, conversation, form=form, status=400)
    flash(
        _("Your answer was sent to the buyer.") if was_new else _("This answer was sent before; it was not sent again.")
    )
    return redirect(url_for("seller.show_day"), 303)


def _waive(card: ShopCard, ref: str) -> BaseResponse:
    try:
        with writing() as session:
            conversations.waive_reply(session, card, ref, actor=current_actor().email, now=now())
        flash(_("Marked: no reply needed."))
    except NothingOpenError:
        flash(_("Nothing waits for an answer here any more. Nothing was changed."))
    return redirect(url_for("seller.show_day"), 303)


@blueprint.get("/seller/notices")
def show_notices() -> str:
    """The feed; opening it marks nothing as done."""
    session, actor = get_session(), current_actor()
    cards = _list_own_cards(session)
    _set_counts(session, cards)
    only_open = request.args.get("show") == "open"
    rows = list_notices(session, _reader(), unread_only=only_open, limit=FEED)
    page = read_page(len(rows))
    own_words = list_all_own_words(session, get_language())
    reading = Reading(actor.name, get_language(), get_site().settings.base_url.rstrip("/"), own_words)
    return show(
        "seller/notices.html",
        lines=build_lines(take_page(rows, page), {card.id: card for card in cards}, reading),
        page=page,
        only_open=only_open,
        unread=count_unread(session, _reader()),
        zone=cards[0].timezone if cards else "UTC",
    )


@blueprint.post("/seller/notices/<int:notice_id>/done")
def mark_notice(notice_id: int) -> BaseResponse:
    """Mark one notice as done. Raises the same NotFound for a foreign and a missing one."""
    with writing() as session:
        if not mark_read(session, _reader(), notice_id=notice_id, now=now()):
            raise NotFound
    flash(_("Marked as done."))
    return redirect(url_for("seller.show_notices"), 303)


@blueprint.post("/seller/notices/done")
def mark_all_notices() -> BaseResponse:
    """Mark every notice as done."""
    with writing() as session:
        mark_all_read(session, _reader(), now=now())
    flash(_("All notices are marked as done."))
    return redirect(url_for("seller.show_notices"), 303)
