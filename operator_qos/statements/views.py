"""Statements of reasons: the seller's own, and all of them for the operator; as page, PDF and JSON."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import NotFound

from operator_qos.i18n import LANGUAGES
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, people, shop_ids_visible
from operator_qos.sellers.queries import ShopCard, find_shop_card, list_shop_cards
from operator_qos.statements import queries
from operator_qos.statements.books import Language, name_kind
from operator_qos.statements.document import write_document
from operator_qos.statements.queries import StatementRow, Wanted
from operator_qos.statements.rules import write_canonical
from operator_qos.statements.service import check_statements, verify_statement
from operator_qos.statements.told import read_told
from operator_qos.web import get_language, get_session, get_site, read_page

blueprint = Blueprint("statements", __name__)
_OWN = "statements to one's own company; another one is the 404 of a missing one"
PERMISSIONS = {
    "statements.seller_list": people(*SELLER, tenant=_OWN),
    "statements.seller_statement": people(*SELLER, tenant=_OWN),
    "statements.seller_pdf": people(*SELLER, tenant=_OWN),
    "statements.seller_json": people(*SELLER, tenant=_OWN),
    "statements.operator_list": people(*OPERATOR),
    "statements.operator_statement": people(*OPERATOR),
    "statements.operator_pdf": people(*OPERATOR),
    "statements.operator_json": people(*OPERATOR),
    "statements.check_all": people(*OPERATOR),
}
_OPERATOR, _SELLER = {"audience": "operator"}, {"audience": "seller"}


@dataclass(frozen=True)
class Line:
    """One statement in a list."""

    row: StatementRow
    subject: str
    card: ShopCard
    url: str


def _find_statement(public_id: str) -> StatementRow:
    """The statement, if the person may see it. Raises the same NotFound for a foreign one and a missing one."""
    session = get_session()
    row = queries.find_statement(session, public_id, shop_ids=shop_ids_visible(session, current_actor()))
    if row is None:
        raise NotFound
    return row


def _read_wanted(visible: frozenset[int] | None) -> Wanted:
    """The filter asked for; a shop that is not one's own finds nothing."""
    marketplace, _, code = request.args.get("shop", "").partition("/")
    card = find_shop_card(get_session(), marketplace, code) if marketplace else None
    mine = card is not None and (visible is None or card.id in visible)
    chosen = visible if not marketplace else frozenset({card.id}) if card is not None and mine else frozenset()
    return Wanted(chosen, request.args.get("kind", ""), request.args.get("q", "").strip())


@blueprint.get("/operator/statements", endpoint="operator_list", defaults=_OPERATOR)
@blueprint.get("/seller/statements", endpoint="seller_list", defaults=_SELLER)
def list_all(audience: str) -> str:
    """Statements, newest first, with a filter."""
    session, visible = get_session(), shop_ids_visible(get_session(), current_actor())
    wanted = _read_wanted(visible)
    page = read_page(queries.count_statements(session, wanted))
    rows = queries.list_statements(session, wanted, limit=page.size, offset=page.offset)
    shops = sorted({row.shop_id for row in rows} if visible is None else visible)
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=shops)}
    kinds = [(kind, _name_kind(kind)) for kind in queries.list_kinds(session, visible)]
    return show("statements/list.html", audience=audience, page=page, wanted=wanted, kinds=kinds, kind_name=_name_kind,
                lines=[_line(row, audience, cards) for row in rows], cards=list(cards.values()),
                shop=request.args.get("shop", ""), is_filtered=any(map(request.args.get, ("q", "kind", "shop"))))


def _name_kind(kind: str) -> str:
    language: Language = "fr" if get_language() == "fr" else "en"
    return name_kind(kind, language)


def _line(row: StatementRow, audience: str, cards: dict[int, ShopCard]) -> Line:
    url = url_for(f"statements.{audience}_statement", public_id=row.public_id)
    return Line(row, read_told(row.content, get_language()).subject, cards[row.shop_id], url)


@blueprint.get("/operator/statements/<public_id>", endpoint="operator_statement", defaults=_OPERATOR)
@blueprint.get("/seller/statements/<public_id>", endpoint="seller_statement", defaults=_SELLER)
def show_statement(audience: str, public_id: str) -> str:
    """One statement as it was issued, and whether it still is."""
    row = _find_statement(public_id)
    card = list_shop_cards(get_session(), shop_ids=[row.shop_id])[0]
    return show("statements/statement.html", row=row, told=read_told(row.content, get_language()), card=card,
                links=ShopLinks(audience, card), audience=audience, is_whole=verify_statement(row))


@blueprint.get("/operator/statements/<public_id>.pdf", endpoint="operator_pdf")
@blueprint.get("/seller/statements/<public_id>.pdf", endpoint="seller_pdf")
def send_pdf(public_id: str) -> Response:
    """The statement as a document, in the reader's language or the one asked for."""
    row, asked = _find_statement(public_id), request.args.get("language", "")
    language = asked if asked in LANGUAGES else get_language()
    content = write_document(row, language=language, base_url=get_site().settings.base_url.rstrip("/"))
    return _send(content, "application/pdf", f"{row.public_id}.pdf")


@blueprint.get("/operator/statements/<public_id>.json", endpoint="operator_json")
@blueprint.get("/seller/statements/<public_id>.json", endpoint="seller_json")
def send_json(public_id: str) -> Response:
    """The archived document byte for byte: its SHA-256 is the fingerprint."""
    row = _find_statement(public_id)
    return _send(write_canonical(row.content), "application/json", f"{row.public_id}.json")


def _send(content: bytes, media_type: str, name: str) -> Response:
    answer = Response(content, mimetype=media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@blueprint.get("/operator/statements/check")
def check_all() -> str:
    """Every statement's fingerprint computed again."""
    return show("statements/check.html", report=check_statements(get_session()))
