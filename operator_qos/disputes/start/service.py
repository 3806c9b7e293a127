"""Opening a dispute from an order's page: the case, its first words and its evidence in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.disputes.acting import Actor, DisputeInputError, require_text
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.opening import Claim, open_dispute
from operator_qos.disputes.rules import OPEN_STATES, PROBLEMS
from operator_qos.disputes.service import write_message
from operator_qos.files import Upload
from operator_qos.ledger.models import OrderFact

# A claim or an incident is a defect from its opening; what a seller asks the mediators for must not be one.
KINDS = {"seller": ("return",), "operator": ("claim", "incident", "return")}
READERS = {"seller": ("buyer", "staff"), "operator": ("buyer", "seller")}


@dataclass(frozen=True)
class OrderBrief:
    """What the form needs of an order; `amount_minor` [minor units] None where nobody told."""

    ref: str
    amount_minor: int | None
    currency: str | None


@dataclass(frozen=True)
class OrderDispute:
    """A dispute about an order."""

    id: int
    case: str
    state: str

    @property
    def is_open(self) -> bool:
        """Whether it still waits for somebody."""
        return self.state in OPEN_STATES or self.state == "settled"


@dataclass(frozen=True)
class Start:
    """A filled form; `token` marks it, so that sending it twice opens one dispute."""

    kind: str
    reason: str
    text: str
    token: str
    amount_minor: int | None = None
    files: Sequence[Upload] = ()


def find_order_brief(session: Session, *, shop_id: int, order: str) -> OrderBrief | None:
    """An order of a shop, None where it has none of that name."""
    columns = (OrderFact.order_ref, OrderFact.amount_minor, OrderFact.currency)
    query = select(*columns).where(OrderFact.shop_id == shop_id, OrderFact.order_ref == order)
    row = session.execute(query).first()
    return None if row is None else OrderBrief(*row)


def list_of_order(session: Session, *, shop_id: int, order: str) -> list[OrderDispute]:
    """The disputes about an order, the first one first."""
    query = select(Dispute.id, Dispute.case_ref, Dispute.state).where(
        Dispute.shop_id == shop_id, Dispute.order_ref == order)
    return [OrderDispute(*row) for row in session.execute(query.order_by(Dispute.opened_at, Dispute.id))]


def start_dispute(
    session: Session, *, marketplace_id: str, shop: str, order: OrderBrief, start: Start, actor: Actor, now: datetime
) -> tuple[int, bool]:
    """Open a dispute with its first message; (its id, whether it is new). Does not commit.

    Raises DisputeMissing for an unknown shop, DisputeInputError outside the policy's time or for a wrong field,
    FileError.
    """
    text = require_text("text", start.text)
    if start.kind not in KINDS[actor.role] or start.reason not in PROBLEMS:
        raise DisputeInputError("reason", "unknown", f"{start.kind!r}, {start.reason!r} are not on the list")
    if start.amount_minor is not None and start.amount_minor > (order.amount_minor or start.amount_minor):
        raise DisputeInputError("amount", "order_amount", f"must lie between 0 and {order.amount_minor}, the order's")
    claim = Claim(f"{order.ref[:180]}-{start.token[:6]}", order.ref, start.reason, start.kind, start.amount_minor)
    dispute_id, new = open_dispute(
        session, marketplace_id=marketplace_id, shop=shop, claim=claim, actor=actor, now=now)
    if new:
        write_message(session, dispute_id=dispute_id, text=text, to=READERS[actor.role], token=start.token,
                      actor=actor, now=now, files=start.files)
    return dispute_id, new
