"""What the API and calendars share of a request: promises in words, with links to where they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from flask import url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.me.deadlines import Deadline
from operator_qos.pages import ShopLinks
from operator_qos.sellers.queries import ShopCard
from operator_qos.standing.day_lines import DayLine, Shops, build_line, read_facts
from operator_qos.standing.day_queries import Owed, list_zones
from operator_qos.web import get_site, now

TODO = {
    "answer_dispute": _("Answer the dispute"),
    "give_evidence": _("Send the evidence asked for"),
    "keep_settlement": _("Do what was agreed in the dispute"),
    "agree_plan": _("Agree to the action plan, or propose another"),
    "end_plan": _("Reach the aim of the action plan"),
    "appeal_dispute": _("Last moment to appeal the decision"),
    "appeal_request": _("Last moment to appeal the refusal"),
    "contest_decision": _("Last day to contest the decision on your standing"),
}


def build_lines(session: Session, owed: Sequence[Owed], cards: Sequence[ShopCard]) -> list[DayLine]:
    """The promises as the seller's day shows them."""
    shops = Shops({card.id: card for card in cards}, list_zones(session, [card.id for card in cards]))
    facts = read_facts(session, owed, shops, now_ms=to_ms(now()))
    return [build_line(row, facts) for row in owed]


def find_path(line: DayLine) -> str:
    """Where a promise is kept on this site: the dispute, the conversation, else the order."""
    owed, card = line.owed, line.card
    if line.dispute_id:
        return url_for("disputes.show_own", dispute_id=line.dispute_id)
    if owed.kind == "answer" and owed.conversation:
        return url_for("seller.show_conversation", marketplace=card.marketplace_id, shop=card.code,
                       conversation=owed.conversation)
    return ShopLinks("seller", card).to_order(owed.order_ref) if owed.order_ref else url_for("seller.show_day")


def to_address(path: str) -> str:
    """The whole address of a path of this site."""
    return get_site().settings.base_url.rstrip("/") + path


def say_deadline(deadline: Deadline) -> str:
    """What to do by a deadline, in words."""
    return str(TODO[deadline.kind])
