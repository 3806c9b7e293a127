"""The API of disputes in writing: bodies that are checked by these models, and the OpenAPI document made from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from operator_qos.disputes.desk import DOINGS
from operator_qos.disputes.rules import FAULTS, OFFER_REMEDIES, PROBLEMS, REMEDIES, STATES
from operator_qos.openapi import Part, write_document, write_operation

Side = Literal["buyer", "seller", "staff"]
Ref = Field(min_length=1, max_length=200)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenBody(_Body):
    """A dispute to open; the same case again answers the same dispute."""

    marketplace: str = Ref
    shop: str = Ref
    case: str = Ref
    order: str = Ref
    reason: str = Field(min_length=1, max_length=80, description=f"one of {', '.join(PROBLEMS)}, or another word")
    kind: Literal["claim", "incident", "return", "chargeback"] = "claim"
    amount_minor: int | None = Field(default=None, ge=0, le=10**12, description="asked for, in minor units")
    remedy: str | None = Field(default=None, max_length=80)


class FileBody(_Body):
    """A file; what it is is told by its content."""

    name: str = Field(min_length=1, max_length=200)
    content_base64: str = Field(max_length=12_000_000)


class RulingBody(_Body):
    """A decision: money and the seller's record are two things."""

    fault: str = Field(description=", ".join(FAULTS))
    remedy: str = Field(description=", ".join(REMEDIES))
    refund_minor: int = Field(default=0, ge=0, le=10**12)
    counts: bool
    grounds: str = Field(min_length=1, max_length=5_000)


class ActBody(_Body):
    """What comes with an action; each action takes what it needs. `as` says for whom the program acts."""

    as_: Literal["buyer", "seller", "operator", "mediator"] = Field(alias="as")
    mediator: str = Field(default="", max_length=254, description="address of the mediator who acts, for as=mediator")
    token: str = Field(default="", max_length=40, description="one value per intended action: repeated, it acts once")
    text: str = Field(default="", max_length=5_000)
    to: list[Side] = Field(default_factory=list, max_length=3)
    awaits_buyer: bool = False
    remedy: str = Field(default="", max_length=30, description=", ".join(OFFER_REMEDIES))
    amount_minor: int = Field(default=0, ge=0, le=10**12)
    offer: int = Field(default=0, ge=0, le=2**62)
    whom: Literal["buyer", "seller"] = "seller"
    due_at: datetime | None = None
    ruling: RulingBody | None = None
    files: list[FileBody] = Field(default_factory=list, max_length=5)


class LinkBody(_Body):
    """A link for the buyer."""

    language: Literal["en", "fr"] = "en"
    email: str = Field(default="", max_length=254, description="of the buyer, to take answers by mail; not kept")


class OfferView(_Body):
    id: int
    by: str
    remedy: str
    amount_minor: int
    state: str
    expires_at: datetime


class DisputeView(_Body):
    """A dispute as it stands."""

    id: int
    marketplace: str
    shop: str
    case: str
    order: str | None
    kind: str
    reason: str | None
    state: str = Field(description=", ".join(STATES))
    holder: str
    amount_minor: int | None
    currency: str
    policy: str | None
    opened_at: datetime
    due_at: datetime | None = Field(description="of whoever has to act")
    seller_due_at: datetime | None
    decision_due_at: datetime | None
    appeal_until_at: datetime | None
    decided_at: datetime | None
    fault: str | None
    remedy: str | None
    refund_minor: int | None
    counts: bool | None
    outcome: str | None
    offers: list[OfferView] = Field(default_factory=list)


class FileView(_Body):
    id: int
    name: str
    media_type: str
    size: int


class MessageView(_Body):
    """A message as the side reads it that the call asks for."""

    number: int
    author: str
    at: datetime
    to: list[str]
    is_note: bool
    text: str
    files: list[FileView]


class ListView(_Body):
    disputes: list[DisputeView]
    next_after: int | None


class ActView(_Body):
    new: bool = Field(description="false: it was done before, and nothing was changed")
    dispute: DisputeView


class MessagesView(_Body):
    messages: list[MessageView]


class LinkView(_Body):
    id: int
    address: str
    reply_to: str = Field(description="for your mails to the buyer, whose answers come into the thread; or empty")
    expires_at: datetime


MODELS: tuple[type[BaseModel], ...] = (
    OpenBody, FileBody, RulingBody, ActBody, LinkBody, OfferView, DisputeView, FileView, MessageView, ListView, ActView,
    MessagesView, LinkView,
)
_ID = {"name": "dispute_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
_AS = {"name": "as", "in": "query", "schema": {"enum": ["buyer", "seller", "staff"], "default": "staff"},
       "description": "whose eyes: only what that side may read"}


def _operation(
    name: str, summary: str, *, answer: type[BaseModel] | str, body: type[BaseModel] | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    return write_operation(name, summary, answer=answer, scope="disputes", body=body, parameters=parameters)


def describe() -> Part:
    """What a marketplace's programs can do in disputes."""
    return Part(_list_paths(), MODELS)


def write_openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the API of disputes."""
    return write_document("Operator QoS: disputes", [describe()], webhooks={"step": {"post": {
        "summary": "Every step of a dispute, signed as Standard Webhooks are",
        "responses": {"2XX": {"description": "taken; anything else is tried again"}}}}})


def _list_paths() -> dict[str, Any]:
    after = {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0},
             "description": "disputes after this id"}
    state = {"name": "state", "in": "query", "schema": {"enum": list(STATES)}}
    action = {"name": "action", "in": "path", "required": True, "schema": {"enum": sorted(DOINGS)}}
    file_id = {"name": "file_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
    link_id = {"name": "link_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
    language = {"name": "language", "in": "query", "schema": {"enum": ["en", "fr"], "default": "en"}}
    one = "/api/v1/disputes/{dispute_id}"
    return {
        "/api/v1/disputes": {
            "get": _operation("list_disputes", "Disputes by id", answer=ListView, parameters=(after, state)),
            "post": _operation("open_dispute", "Open a dispute", answer=ActView, body=OpenBody),
        },
        one: {"get": _operation("show_dispute", "One dispute", answer=DisputeView, parameters=(_ID,))},
        f"{one}/messages": {"get": _operation(
            "list_messages", "The thread as one side reads it", answer=MessagesView, parameters=(_ID, _AS))},
        f"{one}/files/{{file_id}}": {"get": _operation(
            "show_file", "A file", answer="application/octet-stream", parameters=(_ID, file_id, _AS))},
        f"{one}/actions/{{action}}": {"post": _operation(
            "act", "Answer, write, offer, accept, escalate, prove, decide, appeal …", answer=ActView, body=ActBody,
            parameters=(_ID, action))},
        f"{one}/decision": {"get": _operation(
            "show_decision", "The decision as PDF", answer="application/pdf", parameters=(_ID, language))},
        f"{one}/links": {"post": _operation(
            "make_link", "A link for the buyer", answer=LinkView, body=LinkBody, parameters=(_ID,))},
        f"{one}/links/{{link_id}}": {"delete": _operation(
            "revoke_link", "Take a buyer's link back", answer=DisputeView, parameters=(_ID, link_id))},
    }
