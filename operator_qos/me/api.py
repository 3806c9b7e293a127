"""The API for sellers' own tools: what is owed, what changed, answering, and asking for things to be forgiven."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ValidationError

from operator_qos.clock import from_ms, to_ms
from operator_qos.cursors import CursorError, read_cursor, write_cursor
from operator_qos.disputes.forms import find_store
from operator_qos.errors import problem
from operator_qos.exclusions import queries as requests
from operator_qos.exclusions import service as exclusions
from operator_qos.exclusions.service import Plea, RequestRefused
from operator_qos.files import FileError
from operator_qos.me import contract, queries, rules
from operator_qos.me.contract import AskBody, ReplyBody, RequestView, ThingBody
from operator_qos.me.deadlines import Deadline, list_deadlines
from operator_qos.me.forms import build_lines, find_path, say_deadline, to_address
from operator_qos.me.service import describe
from operator_qos.me.tickets import to_ticket
from operator_qos.permissions import current_machine, machine
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standing import conversations
from operator_qos.standing.day_lines import DayLine
from operator_qos.standing.day_queries import STATES, Choice, Owed, list_owed
from operator_qos.web import get_session, now, read_number, writing
from scoring.dossier import Name

blueprint = Blueprint("me_api", __name__, url_prefix="/api/v1/me")
_TENANT = "shops of the key's seller; another one is the 404 of a missing one"
PERMISSIONS = {
    "me_api.list_obligations": machine("seller_read", tenant=_TENANT),
    "me_api.list_tickets": machine("seller_read", tenant=_TENANT),
    "me_api.list_requests": machine("seller_read", tenant=_TENANT),
    "me_api.ask": machine("seller_answer", tenant=_TENANT),
    "me_api.reply": machine("seller_answer", tenant=_TENANT),
}
Body = TypeVar("Body", bound=BaseModel)


class _Refused(Exception):
    """An answer that ends the call."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


@blueprint.errorhandler(_Refused)
def _answer_refused(refused: _Refused) -> Response:
    return refused.answer


def _wrong(field: str, text: str) -> _Refused:
    return _Refused(problem(422, "A field cannot be used", f"{field}: {text}", field=field))


def _missing() -> _Refused:
    return _Refused(problem(404, "Not found", "There is no such thing, or not for this key."))


def _read_body(model: type[Body]) -> Body:
    if b"\\u0000" in request.get_data():
        raise _wrong("body", "the sign U+0000 cannot be kept; leave it out")
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict):
        raise _Refused(problem(400, "Not readable", "Send a JSON object as application/json."))
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _wrong(".".join(str(part) for part in first["loc"]), first["msg"]) from None


def _answer(found: BaseModel) -> Response:
    return jsonify(found.model_dump(mode="json"))


def _with_etag(found: BaseModel) -> Response:
    """The answer, or 304 where the caller has just that."""
    answer = _answer(found)
    answer.add_etag()
    answer.cache_control.private, answer.cache_control.no_cache = True, True
    answer.make_conditional(request)
    return answer


def _get_seller_id() -> int:
    found = current_machine().seller_id
    if found is None:
        raise _missing()
    return found


def _list_cards() -> list[ShopCard]:
    return list_shop_cards(get_session(), seller_id=_get_seller_id())


def _get_card(marketplace: str, shop: str) -> ShopCard:
    card = next((card for card in _list_cards() if (card.marketplace_id, card.code) == (marketplace, shop)), None)
    if card is None:
        raise _missing()
    return card


# What is owed


def _read_number(name: str, default: int, *, least: int, most: int) -> int:
    text = request.args.get(name, "")
    found = read_number(text) if text else default
    if found is None or not least <= found <= most:
        raise _wrong(name, f"a whole number from {least} to {most}, not {text[:40]!r}")
    return found


def _read_state() -> str | None:
    state = request.args.get("state") or None
    if state not in (None, *STATES):
        raise _wrong("state", f"{state!r} is none of {', '.join(STATES)}")
    return state


def _read_place() -> tuple[int, int, str, str] | None:
    """Behind which promise a page goes on: due time [epoch ms], shop, kind and name."""
    text = request.args.get("cursor", "")
    if not text:
        return None
    try:
        due_ms, shop_id, kind, ref = read_cursor(text, (int, int, str, str))
    except CursorError as error:
        raise _wrong("cursor", str(error)) from None
    return due_ms, shop_id, kind, ref


@blueprint.get("/obligations")
def list_obligations() -> Response:
    """Every open promise of the seller's shops by due time; with `since`, what changed after that number."""
    limit = _read_number("limit", rules.PAGE, least=1, most=rules.LONGEST_PAGE)
    if "since" in request.args:
        return _list_changes(_read_number("since", 0, least=0, most=10**18 - 1), limit)
    session, cards = get_session(), _list_cards()
    page = _read_page(cards, limit)
    ends = [] if page.is_part else list_deadlines(session, cards, now=now())
    return _with_etag(contract.ObligationsView(
        obligations=page.obligations, deadlines=[_to_deadline(one) for one in ends], since=page.since,
        next_cursor=page.next_cursor))


@blueprint.get("/tickets")
def list_tickets() -> Response:
    """The open promises as tickets of a help desk, in the order and pages of the list."""
    shape = request.args.get("shape", "")
    if shape not in rules.SHAPES:
        raise _wrong("shape", f"{shape[:40]!r} is none of {', '.join(rules.SHAPES)}")
    page = _read_page(_list_cards(), _read_number("limit", rules.MOST_TICKETS, least=1, most=rules.MOST_TICKETS))
    return _with_etag(contract.TicketsView(tickets=[to_ticket(shape, one, now=now()) for one in page.obligations],
                                  next_cursor=page.next_cursor, since=page.since))


@dataclass(frozen=True)
class _Page:
    """Some of the open promises; `is_part`: not the first page of all of them."""

    obligations: list[contract.MyObligation]
    next_cursor: str | None
    since: int
    is_part: bool


def _read_page(cards: Sequence[ShopCard], limit: int) -> _Page:
    session, state, after = get_session(), _read_state(), _read_place()
    since = queries.find_bounds(session, _get_seller_id()).last
    choice = Choice([card.id for card in cards], state)
    owed = list_owed(session, choice, now_ms=to_ms(now()), limit=limit + 1, after=after)
    page = owed[:limit]
    return _Page([_to_obligation(line) for line in build_lines(session, page, cards)],
                 _write_place(page[-1]) if len(owed) > limit else None, since,
                 after is not None or state is not None)


def _write_place(owed: Owed) -> str:
    return write_cursor((owed.due_ms, owed.shop_id, owed.kind, owed.ref))


def _to_obligation(line: DayLine) -> contract.MyObligation:
    told = describe(line.owed, line.card)
    return contract.MyObligation(
        **told, late=told["due_at"] is not None and from_ms(line.owed.due_ms) < now(), todo=line.title, text=line.text,
        about=line.about, cost=line.cost, link=to_address(find_path(line)))


def _to_deadline(one: Deadline) -> contract.MyDeadline:
    return contract.MyDeadline(
        kind=one.kind, marketplace=one.card.marketplace_id, shop=one.card.code, ref=one.ref, order=one.order,
        case=one.case, due_at=one.due_at, owed=one.is_owed, todo=say_deadline(one), link=to_address(one.path))


def _list_changes(since: int, limit: int) -> Response:
    session, seller_id = get_session(), _get_seller_id()
    bounds = queries.find_bounds(session, seller_id)
    if since + 1 < bounds.oldest or since > bounds.last:
        text = f"Changes after {since} are not kept. Read the list without 'since' and go on from its 'since'."
        return problem(410, "Too old", text, since=bounds.last)
    rows = queries.list_changes(session, seller_id, since=since, limit=limit + 1)
    page = rows[:limit]
    return _with_etag(contract.ChangesView(
        changes=[contract.ChangeView(number=row.number, change=row.change, at=row.at, obligation=dict(row.data))
                 for row in page],
        since=page[-1].number if page else since, more=len(rows) > limit))


# Answering


@blueprint.post("/conversations/<marketplace>/<shop>/<path:conversation>/replies")
def reply(marketplace: str, shop: str, conversation: str) -> Response:
    """Answer the buyer; the same token again sends nothing. Commits."""
    card, body = _get_card(marketplace, shop), _read_body(ReplyBody)
    sent = conversations.Reply(body.text, body.awaits_buyer, body.token)
    try:
        with writing() as session:
            new = conversations.send_reply(session, card, conversation, reply=sent, actor=_sign(), now=now())
    except conversations.ConversationMissingError:
        raise _missing() from None
    except (conversations.ReplyTextError, conversations.NotRecordedError) as error:
        raise _wrong("text", str(error) or "write an answer of 1 to 5,000 characters") from None
    return _answer(contract.RepliedView(new=new))


def _sign() -> str:
    return f"key {current_machine().name}"


# Asking for things to be forgiven


@blueprint.get("/exclusion-requests")
def list_requests() -> Response:
    """The seller's requests, the latest first."""
    rows = requests.list_requests(get_session(), shop_ids=[card.id for card in _list_cards()])
    return _with_etag(contract.RequestsView(requests=[_to_request(row) for row in rows]))


def _to_request(row: requests.RequestRow) -> RequestView:
    is_open = row.round.decided_at is None
    return RequestView(
        id=row.id, marketplace=row.shop.marketplace_id, shop=row.shop.code, cause=row.cause, state=row.state,
        asked_at=row.asked_at, things=row.things, due_at=row.round.due_at if is_open else None,
        decided_at=row.round.decided_at, outcome=row.round.outcome, why=row.round.why,
        link=to_address(f"/seller/requests/{row.id}"))


@blueprint.post("/exclusion-requests")
def ask() -> Response:
    """Ask for things to be forgiven; the same token again answers the same request. Commits."""
    body, store = _read_body(AskBody), find_store()
    card, names = _get_card(body.marketplace, body.shop), _read_names(body.things)
    try:
        files = store.keep_all(_read_files(body))
    except FileError as error:
        raise _wrong("files", str(error)) from None
    plea, new = Plea(names, body.cause, body.text, body.token, tuple(files)), False
    try:
        with writing() as session:
            request_id, new = exclusions.ask(session, shop=card, plea=plea, actor=_sign(), now=now())
    except RequestRefused as error:
        return problem(422, "Not taken", f"The request is refused: {error.code}", code=error.code)
    finally:
        if not new:
            store.discard(files)
    asked = requests.get_request(get_session(), request_id).request
    return _answer(contract.AskedView(new=new, request=_to_request(asked)))


def _read_names(things: Sequence[ThingBody]) -> list[Name]:
    return [_read_name(thing, f"things.{number}") for number, thing in enumerate(things)]


def _read_name(thing: ThingBody, where: str) -> Name:
    parts = {"answer": (thing.source, thing.id), "defect": (thing.defect, thing.order), "resolve": (thing.case,)}.get(
        thing.kind, (thing.order,))
    if None in parts:
        names = {"answer": "source and id", "defect": "defect and order", "resolve": "case"}
        raise _wrong(where, f"{thing.kind} needs {names.get(thing.kind, 'order')}")
    return (thing.kind, *(str(part) for part in parts))


def _read_files(body: AskBody) -> list[tuple[str, bytes]]:
    try:
        return [(file.name, base64.b64decode(file.content_base64, validate=True)) for file in body.files]
    except (binascii.Error, ValueError):
        raise _wrong("files", "content_base64 is no base64") from None
