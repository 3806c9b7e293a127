"""The API for sellers' own tools in writing: bodies checked by these models, and its part of the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from operator_qos.exclusions.rules import MAX_TEXT, MAX_THINGS, STATES
from operator_qos.me.deadlines import KINDS
from operator_qos.me.rules import CHANGES, LONGEST_PAGE, MOST_TICKETS, PAGE, SHAPES
from operator_qos.openapi import Part
from operator_qos.standing.day_queries import STATES as OWED_STATES

Ref = Field(min_length=1, max_length=200)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MyObligation(_Body):
    """An open promise of one of your shops."""

    id: str = Field(description="the same as long as the promise is there")
    marketplace: str
    shop: str
    kind: str = Field(description="accept, ship, track, deliver, answer, resolve …")
    state: str = Field(description="mine: your move; waiting: somebody else's; under_way: the carrier's")
    order: str | None
    case: str | None
    conversation: str | None
    since: datetime
    due_at: datetime | None = Field(description="null while the clock stands still, waiting for somebody else")
    waiting_for: str | None
    forgiven: bool
    late: bool
    todo: str = Field(description="what to do, in words")
    text: str = Field(description="the buyer's own words, shortened; empty once no longer kept")
    about: str
    cost: str = Field(description="what missing it costs, in words")
    link: str


class MyDeadline(_Body):
    """A deadline besides the promises of orders."""

    kind: str = Field(description=", ".join(KINDS))
    marketplace: str
    shop: str
    ref: str
    order: str | None
    case: str | None
    due_at: datetime
    owed: bool = Field(description="false: a right that ends, nobody waits for it")
    todo: str
    link: str


class ObligationsView(_Body):
    """A page of what is open now; `since` is where to ask for changes from."""

    obligations: list[MyObligation]
    deadlines: list[MyDeadline] = Field(description="on the first page")
    next_cursor: str | None
    since: int


class ZendeskComment(_Body):
    """The first comment; an internal note."""

    body: str
    public: Literal[False] = False


class ZendeskTicket(_Body):
    """A task of Zendesk Support; `external_id` is the promise's lasting id, by which it is found again."""

    external_id: str
    type: Literal["task"] = "task"
    subject: str
    comment: ZendeskComment
    status: Literal["open", "pending", "hold"]
    priority: Literal["normal", "high", "urgent"]
    due_at: datetime | None
    tags: list[str]


class FreshdeskTicket(_Body):
    """A ticket of Freshdesk; the two times are null where they do not lie ahead."""

    subject: str
    description: str
    status: Literal[2, 3] = Field(description="2: open; 3: pending")
    priority: Literal[1, 2, 3, 4] = Field(description="2: medium, 3: high, 4: urgent")
    due_by: datetime | None
    fr_due_by: datetime | None
    tags: list[str]


class TicketView(_Body):
    """A promise, and the ticket that stands for it."""

    obligation: str = Field(description="the promise's lasting id, as in the list of obligations and its changes")
    ticket: ZendeskTicket | FreshdeskTicket


class TicketsView(_Body):
    """A page of tickets; `since` is where to ask for changes of obligations from."""

    tickets: list[TicketView]
    next_cursor: str | None
    since: int


class ChangeView(_Body):
    """What happened to a promise; `obligation` describes it as it was told then."""

    number: int
    change: str = Field(description=", ".join(CHANGES))
    at: datetime
    obligation: dict[str, Any]


class ChangesView(_Body):
    changes: list[ChangeView]
    since: int = Field(description="ask from here next time")
    more: bool


class ThingBody(_Body):
    """What is contested: an obligation of an order or a case, a question, or a defect."""

    kind: Literal["accept", "ship", "track", "deliver", "invoice", "answer", "resolve", "defect"]
    order: str | None = Field(default=None, max_length=200)
    case: str | None = Field(default=None, max_length=200)
    source: str | None = Field(default=None, max_length=200, description="of the event that opened the question")
    id: str | None = Field(default=None, max_length=200, description="of the event that opened the question")
    defect: str | None = Field(default=None, max_length=40)


class ProofBody(_Body):
    """A file; what it is is told by its content."""

    name: str = Field(min_length=1, max_length=200)
    content_base64: str = Field(max_length=12_000_000)


class AskBody(_Body):
    """A request for something to be forgiven. The same `token` again answers the same request."""

    marketplace: str = Ref
    shop: str = Ref
    cause: str = Field(min_length=1, max_length=40)
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    token: str = Field(min_length=8, max_length=40)
    things: list[ThingBody] = Field(min_length=1, max_length=MAX_THINGS)
    files: list[ProofBody] = Field(default_factory=list, max_length=5)


class RequestView(_Body):
    """A request and how far it is."""

    id: int
    marketplace: str
    shop: str
    cause: str
    state: str = Field(description=", ".join(STATES))
    asked_at: datetime
    things: int
    due_at: datetime | None = Field(description="when the operator owes the decision; null once it is decided")
    decided_at: datetime | None
    outcome: str | None
    why: str | None
    link: str


class RequestsView(_Body):
    requests: list[RequestView]


class AskedView(_Body):
    new: bool = Field(description="false: it was asked before, and nothing was changed")
    request: RequestView


class ReplyBody(_Body):
    """An answer to a buyer. The same `token` again sends nothing."""

    text: str = Field(min_length=1, max_length=5_000)
    token: str = Field(min_length=8, max_length=40)
    awaits_buyer: bool = False


class RepliedView(_Body):
    new: bool


MODELS: tuple[type[BaseModel], ...] = (
    MyObligation, MyDeadline, ObligationsView, ChangeView, ChangesView, ThingBody, ProofBody, AskBody, RequestView,
    RequestsView, AskedView, ReplyBody, RepliedView, ZendeskComment, ZendeskTicket, FreshdeskTicket, TicketView,
    TicketsView,
)
_ERRORS = {
    "400": "The body is no JSON object of this form", "401": "No valid key", "403": "The key has another scope",
    "404": "There is no such thing for this key", "422": "A field cannot be used",
}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _operation(  # one argument per part of an operation
    name: str, summary: str, *answers: type[BaseModel], body: type[BaseModel] | None = None,
    parameters: tuple[dict[str, Any], ...] = (), others: dict[str, str] | None = None,
) -> dict[str, Any]:
    schemas = [_ref(answer) for answer in answers]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    responses: dict[str, Any] = {"200": {"description": "done", "content": {"application/json": {"schema": schema}}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses |= {code: {"description": text, "content": problem} for code, text in (_ERRORS | (others or {})).items()}
    if body is None:
        responses["304"] = {"description": "Nothing changed since the ETag of If-None-Match", "content": {}}
    found: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
    if parameters:
        found["parameters"] = list(parameters)
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return found


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def list_paths() -> dict[str, Any]:
    """The operations, by path."""
    size = {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE}
    limit = _query("limit", size, "a page's size")
    parameters = (
        _query("state", {"enum": list(OWED_STATES)}, "only these; all without it"),
        _query("cursor", {"type": "string", "maxLength": 2_000}, "the next_cursor of the page before"),
        _query("since", {"type": "integer", "minimum": 0}, "changes after this number instead of what is open"), limit)
    text = {"type": "string"}
    place = tuple({"name": name, "in": "path", "required": True, "schema": text}
                  for name in ("marketplace", "shop", "conversation"))
    return {
        "/api/v1/me/obligations": {"get": _operation(
            "list_my_obligations", "Every open promise of your shops by due time, or what changed since",
            ObligationsView, ChangesView, parameters=parameters,
            others={"410": "These changes are no longer kept: read the whole list again"})},
        "/api/v1/me/tickets": {"get": _operation(
            "list_my_tickets", "Every open promise as a ticket of a help desk", TicketsView,
            parameters=(_query("shape", {"enum": list(SHAPES)}, "the help desk") | {"required": True}, *parameters[:2],
                        _query("limit", size | {"maximum": MOST_TICKETS}, "a page's size")))},
        "/api/v1/me/exclusion-requests": {
            "get": _operation("list_my_requests", "Your requests, the latest first", RequestsView),
            "post": _operation("ask_exclusion", "Ask for something to be forgiven", AskedView, body=AskBody)},
        "/api/v1/me/conversations/{marketplace}/{shop}/{conversation}/replies": {"post": _operation(
            "reply", "Answer the buyer", RepliedView, body=ReplyBody, parameters=place)},
    }


def list_schemas() -> dict[str, Any]:
    """The schemas of bodies and answers, by name."""
    found: dict[str, Any] = {}
    for model in MODELS:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        found[model.__name__] = schema
    return found


def describe() -> Part:
    """What sellers' own programs can do."""
    paths = list_paths()
    for ways in paths.values():
        for method, operation in ways.items():
            scope = "seller_read" if method == "get" else "seller_answer"
            operation |= {"security": [{"key": []}], "x-scope": scope}
    return Part(paths, schemas=list_schemas())
