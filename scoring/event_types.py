"""The event contract: every type with its fields and units.

Every type of the table in docs/domain.md is one pydantic model here, in the table's order: the place in the
table is the type's rank among events of one second.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

PREFIX = "qos."
EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
LATEST_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
LONGEST_CLOSURE_DAYS = 4 * 366
DAY_MS = 86_400_000

_OUTSIDE = "lies outside the years 2000 to 2099; leave the field out when it is not known"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def moment_ms(value: object) -> int:
    """Epoch milliseconds of an RFC 3339 instant, to the second (fractions are cut).

    Raises ValueError when it is no instant or carries no offset from UTC.
    """
    if not isinstance(value, str):
        raise ValueError("must be an instant in quotes such as 2026-03-06T10:00:00+01:00")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value[:60]!r} is no instant; write it like 2026-03-06T10:00:00+01:00") from None
    if len(value) == 10 or moment.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC; add Z or one like +01:00")
    return int(moment.replace(microsecond=0).timestamp()) * 1000


def sane_ms(value: object) -> int:
    """A moment that clocks and calendars can work with. Raises ValueError."""
    at_ms = moment_ms(value)
    if not EARLIEST_MS <= at_ms < LATEST_MS:
        raise ValueError(f"{value!r} {_OUTSIDE}")
    return at_ms


def _sane_day(value: object) -> date:
    """A local day that clocks and calendars can work with. Raises ValueError."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a day in quotes such as 2026-03-06")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no day of the calendar") from None
    if not 2000 <= day.year < 2100:
        raise ValueError(f"{value!r} {_OUTSIDE}")
    return day


def _promise(value: object) -> int | str:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return _sane_day(value).isoformat()
    return sane_ms(value)


def _plain(value: str) -> str:
    if not value.isprintable() and CONTROL.search(value):
        raise ValueError("holds a control character; remove it")
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain)]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Moment = Annotated[int, BeforeValidator(sane_ms)]
Promise = Annotated[int | str, BeforeValidator(_promise)]
Day = Annotated[date, BeforeValidator(_sane_day)]
Amount = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Rating = Annotated[int, Field(ge=1, le=5, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Party = Literal["seller", "buyer", "operator"]
Fault = Literal["seller", "buyer", "carrier", "operator", "nobody"]
# A feed that numbers its lines means their text.
LineId = Annotated[Id, BeforeValidator(lambda v: str(v) if isinstance(v, int) and not isinstance(v, bool) else v)]
Lines = Annotated[list[LineId], Field(min_length=1, max_length=1000)]


class _Data(BaseModel):
    """What an event of one type says. Unknown fields stay with the stored body only."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Line(_Data):
    line: LineId
    sku: Id | None = None
    category: Slug | None = None
    quantity: Annotated[int, Field(ge=1, le=10**6, strict=True)] | None = None
    amount_minor: Amount | None = None


class OrderPlaced(_Data):
    lines: Annotated[list[Line], Field(max_length=1000)] | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    accept_by: Promise | None = None
    ship_by: Promise | None = None
    deliver_by: Promise | None = None
    channel: Slug | None = None
    fulfilment: Literal["seller", "operator"] = "seller"
    country: Slug | None = None
    buyer: Id | None = None
    business: Flag | None = None


class Nothing(_Data):
    """An event that says only that it happened."""


class OrderRefused(_Data):
    by: Literal["seller", "automatic"] | None = None
    reason: Slug | None = None


class OrderCancelled(_Data):
    by: Literal["buyer", "seller", "operator", "automatic", "unknown"] = "unknown"
    reason: (
        Literal[
            "buyer_request", "payment_failed", "fraud", "operator", "out_of_stock", "seller_timeout", "other"
        ]
        | None
    ) = None
    lines: Lines | None = None


class OrderShipped(_Data):
    carrier: Slug | None = None
    tracking: Id | None = None
    trackable: Flag = False
    lines: Lines | None = None


class PromiseMoved(_Data):
    kind: Literal["ship", "deliver"]
    to: Promise
    agreed_by: Literal["buyer", "operator", "seller", "nobody"] = "nobody"


class TrackingScanned(_Data):
    order: Id
    tracking: Id | None = None
    milestone: Literal["in_transit", "out_for_delivery", "attempted", "delivered", "exception"]


class OrderDelivered(_Data):
    known_by: Literal["carrier", "buyer", "automatic"] | None = None
    lines: Lines | None = None


class OrderRefunded(_Data):
    amount_minor: Amount | None = None
    reason: Slug | None = None
    fault: Fault | None = None


class ReturnStep(_Data):
    order: Id
    reason: Slug | None = None
    lines: Lines | None = None


class MessageSent(_Data):
    order: Id | None = None
    case: Id | None = None
    author: Literal["buyer", "seller", "operator", "system"]
    to: list[Literal["buyer", "seller", "operator", "mediator", "system"]] | None = None
    automatic: Flag = False
    no_reply_needed: Flag = False
    awaits_buyer: Flag = False
    channel: Slug | None = None
    body: Text | None = None


class Waived(_Data):
    by: Slug | None = None


class CaseOpened(_Data):
    order: Id | None = None
    kind: Literal["claim", "incident", "return", "chargeback"] = "claim"
    reason: Slug | None = None
    amount_minor: Amount | None = None
    remedy: Slug | None = None


class BallPassed(_Data):
    to: Literal["seller", "buyer", "operator", "carrier"]


class CaseResolved(_Data):
    outcome: Slug | None = None
    fault: Fault | None = None
    remedy: Slug | None = None
    by: Literal["seller", "buyer", "operator", "automatic"] | None = None


class CaseReopened(_Data):
    reason: Text | None = None


class CaseClosed(_Data):
    by: Literal["seller", "buyer", "operator", "automatic"] | None = None
    fault: Fault | None = None


class CaseEscalated(_Data):
    by: Literal["buyer", "seller", "operator", "automatic", "timer"] | None = None


class EvidenceAsked(_Data):
    to: Literal["seller", "buyer", "operator", "carrier"]
    due_by: Promise | None = None


class EvidenceGiven(_Data):
    by: Literal["seller", "buyer", "operator", "carrier"] | None = None


class CaseDecided(_Data):
    fault: Fault | None = None
    remedy: Slug | None = None
    counts: Flag = True
    amount_minor: Amount | None = None
    grounds: Text | None = None


class CaseAppealed(_Data):
    by: Party | None = None


class ReviewPosted(_Data):
    order: Id | None = None
    rating: Rating
    verified: Flag | None = None


class ReviewRemoved(_Data):
    order: Id | None = None


class SurveyAnswered(_Data):
    about: Literal["order", "case", "mediation", "operator"]
    rating: Rating


class OrderPromiseName(_Data):
    kind: Literal["accept", "ship", "track", "deliver", "invoice"]
    order: Id


class AnswerName(_Data):
    kind: Literal["answer"]
    source: Id
    id: Id


class ResolveName(_Data):
    kind: Literal["resolve"]
    case: Id


class DefectName(_Data):
    kind: Literal[
        "case",
        "case_lost",
        "chargeback",
        "low_rating",
        "cancelled_by_seller",
        "not_shipped",
        "late_delivery",
        "seller_refund",
    ]
    order: Id


class Exclusion(_Data):
    obligation: Annotated[OrderPromiseName | AnswerName | ResolveName, Field(discriminator="kind")] | None = (
        None
    )
    defect: DefectName | None = None
    scope: Literal["bad", "both"] = "bad"
    cause: Slug | None = None
    proof: Text | None = None
    by: Slug | None = None


class EventRetracted(_Data):
    source: Id
    id: Id
    reason: Text | None = None


class OrderCorrected(_Data):
    field: Literal["accept_by", "ship_by", "deliver_by", "channel", "fulfilment", "country", "business"]
    value: Any
    reason: Text | None = None


class ShopOpened(_Data):
    seller: Id | None = None
    name: Annotated[str, StringConstraints(max_length=200), AfterValidator(_plain)] | None = None
    country: Slug | None = None
    timezone: Slug | None = None


Opening = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Closing = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class CalendarSet(_Data):
    hours: dict[Weekday, list[tuple[Opening, Closing]]] = Field(default_factory=dict)
    holidays: list[Day] = Field(default_factory=list)
    # A date with hours of its own, none to close it; it wins over weekday and holiday.
    overrides: Annotated[dict[Day, list[tuple[Opening, Closing]]], Field(max_length=1000)] = Field(default_factory=dict)
    effective_from: Day | None = None
    by: Party | None = None


class ShopClosed(_Data):
    from_: Moment = Field(alias="from")
    until: Moment
    by: Party | None = None


MODELS: dict[str, type[_Data]] = {
    "order.placed": OrderPlaced,
    "order.accepted": Nothing,
    "order.refused": OrderRefused,
    "order.paid": Nothing,
    "order.invoiced": Nothing,
    "order.cancelled": OrderCancelled,
    "order.shipped": OrderShipped,
    "order.promise_moved": PromiseMoved,
    "tracking.scanned": TrackingScanned,
    "order.delivered": OrderDelivered,
    "order.refunded": OrderRefunded,
    "return.requested": ReturnStep,
    "return.received": ReturnStep,
    "return.refused": ReturnStep,
    "return.refunded": ReturnStep,
    "message.sent": MessageSent,
    "conversation.no_reply_needed": Waived,
    "case.opened": CaseOpened,
    "case.ball_passed": BallPassed,
    "case.resolved": CaseResolved,
    "case.reopened": CaseReopened,
    "case.withdrawn": Waived,
    "case.closed": CaseClosed,
    "case.escalated": CaseEscalated,
    "case.evidence_asked": EvidenceAsked,
    "case.evidence_given": EvidenceGiven,
    "case.decided": CaseDecided,
    "case.appealed": CaseAppealed,
    "review.posted": ReviewPosted,
    "review.changed": ReviewPosted,
    "review.removed": ReviewRemoved,
    "review.replied": ReviewRemoved,
    "survey.answered": SurveyAnswered,
    "obligation.excluded": Exclusion,
    "obligation.restored": Exclusion,
    "event.retracted": EventRetracted,
    "order.corrected": OrderCorrected,
    "shop.opened": ShopOpened,
    "shop.calendar_set": CalendarSet,
    "shop.closed_for": ShopClosed,
}
TYPES: tuple[str, ...] = tuple(MODELS)
RANKS: dict[str, int] = {name: rank for rank, name in enumerate(TYPES)}
AUTHOR_RANKS: dict[str, int] = {"buyer": 0, "seller": 1, "operator": 2, "system": 3}

# What revises an earlier belief counts by when it became known (K), all else by when it happened (T).
KNOWN_TYPES = frozenset(
    {
        "case.decided",
        "obligation.excluded",
        "obligation.restored",
        "review.changed",
        "review.removed",
        "event.retracted",
        "order.corrected",
        "shop.calendar_set",
        "shop.closed_for",
    }
)

# Types whose fields hold objects or dates; the others are flat.
NESTED = frozenset({"order.placed", "obligation.excluded", "obligation.restored", "shop.calendar_set"})

# Free text lives with the body, apart from the typed event, and may be deleted.
FREE_TEXT = frozenset({"body", "grounds", "proof"})
