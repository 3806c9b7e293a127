"""`POST /api/v1/hooks/<name>`: a marketplace's program tells what happened, signed as Standard Webhooks are."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from operator_qos.connectors.medusa import Place, map_hook
from operator_qos.db import unit_of_work
from operator_qos.errors import problem
from operator_qos.events.api import RETRY_SECONDS, hold_back_all
from operator_qos.events.bodies import MAX_BYTES, PLAIN, BodyRefused, Sent, read_documents
from operator_qos.events.quarantine import ingest_in_parts
from operator_qos.events.service import DATABASE_ERRORS, Counts, Intake, is_transient
from operator_qos.permissions import signed
from operator_qos.receiving.queries import ReceiverRow, find_receiver, is_received, list_secrets
from operator_qos.receiving.rules import Signed, find_flaw
from operator_qos.receiving.service import note_received
from operator_qos.web import get_session, get_site, now

blueprint = Blueprint("receiving", __name__, url_prefix="/api/v1")
PERMISSIONS = {"receiving.receive": signed("the secret of the address named in the path, of one marketplace")}


@blueprint.post("/hooks/<name>")
def receive(name: str) -> Response:
    """Take a webhook in: 200 with what became of its events, also when it came before. Commits."""
    receiver = find_receiver(get_session(), name)
    if receiver is None:
        return problem(404, "Not found", "There is no address of this name.")
    try:
        call = _read_call()
    except (UnicodeDecodeError, ClientDisconnected):
        return problem(400, "Not readable", "The body is not whole UTF-8.", where="body")
    except RequestEntityTooLarge:
        return problem(413, "Too large", f"The body is larger than {MAX_BYTES:,} bytes.", where="body")
    flaw = find_flaw(call, secrets=list_secrets(get_session(), receiver.id, now=now()), now=now())
    if flaw is not None:
        return problem(401, "Not signed as it must be", f"{flaw[0]} {flaw[1]}.", where=flaw[0])
    if is_received(get_session(), receiver.id, call.message_id):
        return _answer(Counts(), repeated=True)
    get_session().rollback()
    return hold_back_all() or _take_in(receiver, call)


def _read_call() -> Signed:
    heads = request.headers
    return Signed(heads.get("webhook-id", ""), heads.get("webhook-timestamp", ""), heads.get("webhook-signature", ""),
                  request.get_data(cache=False).decode())


def _take_in(receiver: ReceiverRow, call: Signed) -> Response:
    site, content = get_site(), call.body.encode()
    try:
        (payload,) = read_documents(Sent(content, PLAIN), content)
    except (BodyRefused, ValueError) as error:
        several = "The body holds several things; send one webhook a call."
        text = error.detail if isinstance(error, BodyRefused) else several
        return problem(400, "Not readable", text, where="body")
    place = Place(f"/hooks/{receiver.name}", receiver.marketplace_id, receiver.shop)
    intake = Intake(now(), f"webhook {receiver.name}", marketplace=receiver.marketplace_id,
                    retention_days=site.settings.body_retention_days)
    try:
        receipts = ingest_in_parts(site.engine, map_hook(payload, place), intake=intake)
        with unit_of_work(site.engine) as session:  # after the events: what broke off in between is safe to send again
            note_received(session, receiver_id=receiver.id, message_id=call.message_id, now=now())
    except DATABASE_ERRORS as error:
        if not is_transient(error):
            raise
        answer = problem(503, "Busy", "The database is busy. Nothing is lost by sending the same call again.")
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    return _answer(Counts().plus(receipts), repeated=False)


def _answer(counts: Counts, *, repeated: bool) -> Response:
    return jsonify({**asdict(counts), "repeated": repeated})
