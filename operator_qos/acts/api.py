"""What marketplaces' programs say: how far an act has got there, and how many events their days had."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from operator_qos.acts import queries, service
from operator_qos.acts.adapters import Answer
from operator_qos.errors import problem
from operator_qos.permissions import current_machine, machine
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.web import get_session, now, writing
from scoring.event_types import CONTROL, Id

blueprint = Blueprint("acts_api", __name__, url_prefix="/api/v1")
_TENANT = "acts of the key's marketplace; else the 404 of a missing one"
PERMISSIONS = {
    "acts_api.list_asked": machine("acts", tenant=_TENANT),
    "acts_api.confirm": machine("acts", tenant=_TENANT),
    "acts_api.post_totals": machine("ingest", tenant="marketplace of the key"),
}
PAGE = 200


def refuse_control(text: str) -> str:
    """The text itself. Raises ValueError for one that holds what nobody writes and no database takes."""
    if CONTROL.search(text):
        raise ValueError("holds a control character; remove it")
    return text


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConfirmBody(_Body):
    """`in_force` also confirms the end of an act whose end was asked for."""

    state: Annotated[str, Field(pattern="^(in_force|failed)$")]
    error: Annotated[str, Field(max_length=500), AfterValidator(refuse_control)] = ""


class TotalBody(_Body):
    """How many events of a type a local day had."""

    source: Id
    type: Annotated[Id, Field(max_length=60)]
    on: date
    count: Annotated[int, Field(ge=0, le=10**12)]


class TotalsBody(_Body):
    """Days of one marketplace; the key's own unless it is a key of all."""

    marketplace: Annotated[str, Field(max_length=200), AfterValidator(refuse_control)] = ""
    totals: Annotated[list[TotalBody], Field(min_length=1, max_length=1000)]


@blueprint.get("/acts")
def list_asked() -> Response:
    """The acts that wait for the marketplace, the oldest first."""
    session, key = get_session(), current_machine()
    mine = queries.list_waiting(session, key.marketplace_id, limit=PAGE)
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=sorted({act.shop_id for act in mine}))}
    return jsonify({"acts": [
        {"id": act.id, "kind": act.kind, "subject": act.subject, "scope": dict(act.scope), "state": act.state,
         "shop": cards[act.shop_id].code, "marketplace": cards[act.shop_id].marketplace_id,
         "effective_at": act.effective_at.isoformat(), "until_at": act.until_at.isoformat() if act.until_at else None}
        for act in mine]})


@blueprint.post("/acts/<int:act_id>/confirm")
def confirm(act_id: int) -> Response:
    """Say that an act, or its end, is in force on the marketplace, or could not be carried out."""
    try:
        body = ConfirmBody.model_validate(request.get_json(silent=True))
    except ValidationError as error:
        return _refuse(error)
    key = current_machine()
    try:
        with writing() as session:
            state = service.confirm_act(
                session, act_id=act_id, marketplace_id=key.marketplace_id, answer=Answer(body.state, error=body.error),
                actor=f"key {key.name}", now=now())
    except queries.UnknownActError:
        return problem(404, "Not found", "There is no such act, or not for this key.")
    except service.ActError as error:
        return problem(409, "Not waiting", str(error))
    return jsonify({"id": act_id, "state": state})


@blueprint.post("/source-totals")
def post_totals() -> Response:
    """Keep what sources say of their days, to hold our own count against; the last word counts."""
    try:
        body = TotalsBody.model_validate(request.get_json(silent=True))
    except ValidationError as error:
        return _refuse(error)
    key = current_machine()
    marketplace_id = key.marketplace_id or body.marketplace
    if not marketplace_id or (body.marketplace and body.marketplace != marketplace_id):
        return problem(422, "Wrong marketplace", "Name the marketplace the key is for.")
    told: list[Any] = [service.Told(total.source, total.type, total.on, total.count) for total in body.totals]
    try:
        with writing() as session:
            kept = service.record_totals(session, told, marketplace_id=marketplace_id, now=now())
    except service.ActError as error:
        return problem(422, "Not a total", str(error))
    return jsonify({"kept": kept})


def _refuse(error: ValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return problem(422, "Not understood", f"{place}: {first['msg']}")
