"""The API of disputes: a marketplace's programs act for its buyers, sellers and staff, through the same services."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response, jsonify, request, url_for
from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.disputes import contract, queries
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.buyer.links import create_link, make_reply_address, revoke, sign_link
from operator_qos.disputes.contract import ActBody, DisputeView, LinkBody, OpenBody
from operator_qos.disputes.desk import DOINGS, Given, perform
from operator_qos.disputes.dues import find_deadline
from operator_qos.disputes.file import Message, find_file, read_file
from operator_qos.disputes.forms import find_store, send_attachment, send_decision
from operator_qos.disputes.opening import Claim, open_dispute
from operator_qos.disputes.policy_book import find_policy
from operator_qos.disputes.queries import DisputeMissing, DisputeRow
from operator_qos.disputes.rules import STATES, IllegalAction
from operator_qos.disputes.service import Ruling
from operator_qos.errors import problem
from operator_qos.files import FileError, Upload
from operator_qos.permissions import current_machine, machine, public
from operator_qos.settings import read_secret
from operator_qos.web import get_session, get_site, now, writing

blueprint = Blueprint("disputes_api", __name__, url_prefix="/api/v1")
_TENANT = "disputes of the key's marketplace; else the 404 of a missing one"
PERMISSIONS = {
    "disputes_api.show_openapi": public(),
    **{f"disputes_api.{name}": machine("disputes", tenant=_TENANT) for name in (
        "list_disputes", "post_dispute", "show_dispute", "list_messages", "show_file", "act", "show_decision",
        "make_link", "revoke_link")},
}
PAGE = 100
Body = TypeVar("Body", bound=BaseModel)
ROLES = {"buyer": "buyer", "seller": "seller", "staff": "operator"}


class _Refused(Exception):
    """An answer that ends the call."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _missing() -> _Refused:
    return _Refused(problem(404, "Not found", "There is no such thing, or not for this key."))


def _read_body(model: type[Body]) -> Body:
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict):
        raise _Refused(problem(400, "Not readable", "Send a JSON object as application/json."))
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _Refused(problem(422, "A field cannot be used", f"{where}: {first['msg']}", field=where)) from None


@blueprint.errorhandler(_Refused)
def _answer_refused(refused: _Refused) -> Response:
    return refused.answer


@blueprint.errorhandler(DisputeMissing)
def _answer_missing(_error: DisputeMissing) -> Response:
    return _missing().answer


@blueprint.errorhandler(IllegalAction)
def _answer_illegal(error: IllegalAction) -> Response:
    return problem(409, "Not allowed now", str(error), state=error.state, allowed=error.allowed)


@blueprint.errorhandler(DisputeInputError)
def _answer_input(error: DisputeInputError) -> Response:
    return problem(422, "A field cannot be used", str(error), field=error.field, code=error.code)


@blueprint.errorhandler(FileError)
def _answer_file(error: FileError) -> Response:
    return problem(422, "A file is not taken", str(error), field="files", code=error.code)


def _get_row(dispute_id: int) -> DisputeRow:
    row = queries.find_row(get_session(), dispute_id) if dispute_id < 2**62 else None
    mine = current_machine().marketplace_id
    if row is None or (mine is not None and row.place.marketplace_id != mine):
        raise _missing()
    return row


def _view(row: DisputeRow) -> DisputeView:
    d, place = row.dispute, row.place
    offers = [
        contract.OfferView(id=o.id, by=o.made_by, remedy=o.remedy, amount_minor=o.amount_minor, state=o.state,
                           expires_at=o.expires_at)
        for o in queries.list_offers(get_session(), d.id)
    ]
    kept = {name: getattr(d, name) for name in DisputeView.model_fields if hasattr(d, name)}
    return DisputeView(**kept, marketplace=place.marketplace_id, shop=place.shop_code, case=d.case_ref,
                       order=d.order_ref, due_at=find_deadline(d), offers=offers)


def _answer(found: BaseModel, status: int = 200) -> Response:
    answer = jsonify(found.model_dump(mode="json"))
    answer.status_code = status
    return answer


@blueprint.get("/openapi/disputes.json")
def show_openapi() -> Response:
    """The contract of this API."""
    return jsonify(contract.write_openapi())


@blueprint.get("/disputes")
def list_disputes() -> Response:
    """Disputes of the key's marketplace by id, 100 at a time."""
    state = request.args.get("state")
    if state is not None and state not in STATES:
        raise _Refused(problem(422, "A field cannot be used", f"state: {state!r} is none of {', '.join(STATES)}"))
    after = request.args.get("after", 0, type=int)
    rows = queries.list_after(
        get_session(), after=min(max(after, 0), 2**62), state=state, marketplace_id=current_machine().marketplace_id,
        limit=PAGE)
    following = rows[-1].dispute.id if len(rows) == PAGE else None
    return _answer(contract.ListView(disputes=[_view(row) for row in rows], next_after=following))


@blueprint.post("/disputes")
def post_dispute() -> Response:
    """Open a dispute; the same case again answers the same dispute. Commits."""
    body, holder = _read_body(OpenBody), current_machine()
    if holder.marketplace_id is not None and body.marketplace != holder.marketplace_id:
        raise _missing()
    claim = Claim(body.case, body.order, body.reason, body.kind, body.amount_minor, body.remedy)
    with writing() as session:
        dispute_id, new = open_dispute(
            session, marketplace_id=body.marketplace, shop=body.shop, claim=claim, actor=Actor("buyer", holder.name),
            now=now())
    return _answer(contract.ActView(new=new, dispute=_view(_get_row(dispute_id))))


@blueprint.get("/disputes/<int:dispute_id>")
def show_dispute(dispute_id: int) -> Response:
    """One dispute."""
    return _answer(_view(_get_row(dispute_id)))


def _read_side() -> str:
    side = request.args.get("as", "staff")
    if side not in ROLES:
        raise _Refused(problem(422, "A field cannot be used", f"as: {side!r} is none of {', '.join(ROLES)}"))
    return side


@blueprint.get("/disputes/<int:dispute_id>/messages")
def list_messages(dispute_id: int) -> Response:
    """The thread as one side reads it."""
    row, side = _get_row(dispute_id), _read_side()
    policy = find_policy(get_session(), marketplace_id=row.place.marketplace_id, opened_at=row.dispute.opened_at,
                         zone=row.place.zone)
    file = read_file(get_session(), row.dispute, reader=ROLES[side], now_ms=int(now().timestamp() * 1000),
                     masks=policy.masks_contacts)
    return _answer(contract.MessagesView(messages=[_to_view(message) for message in file.messages]))


def _to_view(message: Message) -> contract.MessageView:
    files = [contract.FileView(id=f.id, name=f.name, media_type=f.media_type, size=f.size) for f in message.files]
    return contract.MessageView(
        number=message.number, author=message.party, at=from_ms(message.at_ms), to=list(message.to),
        is_note=message.is_note, text=message.text, files=files)


@blueprint.get("/disputes/<int:dispute_id>/files/<int:file_id>")
def show_file(dispute_id: int, file_id: int) -> Response:
    """A file that one side may read."""
    row, side = _get_row(dispute_id), _read_side()
    file = find_file(get_session(), row.dispute, min(file_id, 2**62), side=side)
    if file is None:
        raise _missing()
    return send_attachment(file, find_store(), preview=False)


def _find_actor(session: Session, body: ActBody) -> Actor:
    """For whom the program acts. Raises _Refused for a mediator who is none."""
    name = current_machine().name
    if body.as_ != "mediator":
        return Actor(body.as_, f"{name} ({body.as_})")
    user_id = queries.find_mediator(session, body.mediator)
    if user_id is None:
        text = f"mediator: {body.mediator!r} is no active mediator; name one by address"
        raise _Refused(problem(422, "A field cannot be used", text, field="mediator"))
    return Actor("mediator", body.mediator, user_id)


def _read_files(body: ActBody) -> list[tuple[str, bytes]]:
    found = []
    for number, file in enumerate(body.files):
        try:
            found.append((file.name, base64.b64decode(file.content_base64, validate=True)))
        except (binascii.Error, ValueError):
            text = f"files.{number}.content_base64 is no base64"
            raise _Refused(problem(422, "A field cannot be used", text, field=f"files.{number}")) from None
    return found


def _to_given(body: ActBody, files: list[Upload]) -> Given:
    due = body.due_at
    if due is not None and due.tzinfo is None:
        raise _Refused(problem(422, "A field cannot be used", "due_at: needs an offset from UTC", field="due_at"))
    said = body.ruling
    ruling = None if said is None else Ruling(said.fault, said.remedy, said.refund_minor, said.counts, said.grounds)
    return Given(
        text=body.text, token=body.token, to=tuple(body.to), awaits_buyer=body.awaits_buyer, remedy=body.remedy,
        amount_minor=body.amount_minor, offer_id=body.offer, whom=body.whom, due_at=due, ruling=ruling, files=files)


@blueprint.post("/disputes/<int:dispute_id>/actions/<action>")
def act(dispute_id: int, action: str) -> Response:
    """Do an action of the table for a party or a mediator. Commits."""
    _get_row(dispute_id)
    if action not in DOINGS:
        raise _missing()
    body, store = _read_body(ActBody), find_store()
    actor = _find_actor(get_session(), body)
    files = store.keep_all(_read_files(body))
    try:
        given = _to_given(body, files)
        with writing() as session:
            new = perform(session, action, dispute_id=dispute_id, given=given, actor=actor, now=now())
    except BaseException:
        store.discard(files)
        raise
    if not new:
        store.discard(files)
    return _answer(contract.ActView(new=new, dispute=_view(_get_row(dispute_id))))


@blueprint.get("/disputes/<int:dispute_id>/decision")
def show_decision(dispute_id: int) -> Response:
    """The decision as PDF."""
    return send_decision(_get_row(dispute_id), request.args.get("language", "en"))


@blueprint.post("/disputes/<int:dispute_id>/links")
def make_link(dispute_id: int) -> Response:
    """A link for the buyer, whose address is told only now. Commits."""
    _get_row(dispute_id)
    body, settings = _read_body(LinkBody), get_site().settings
    with writing() as session:
        link = create_link(session, dispute_id=dispute_id, language=body.language,
                           actor=Actor("operator", current_machine().name), now=now())
        reply_to = make_reply_address(session, link, email=body.email, settings=settings, now=now())
    path = url_for("buyers.show", token=sign_link(link.id, secret=read_secret(settings)))
    address = settings.base_url.rstrip("/") + path
    return _answer(contract.LinkView(id=link.id, address=address, reply_to=reply_to, expires_at=link.expires_at))


@blueprint.delete("/disputes/<int:dispute_id>/links/<int:link_id>")
def revoke_link(dispute_id: int, link_id: int) -> Response:
    """Take a buyer's link back. Commits."""
    _get_row(dispute_id)
    _in_writing(lambda session: revoke(session, dispute_id=dispute_id, link_id=min(link_id, 2**62), now=now()))
    return _answer(_view(_get_row(dispute_id)))


def _in_writing(doing: Callable[[Session], object]) -> None:
    with writing() as session:
        doing(session)
