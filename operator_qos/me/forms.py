"""What the API and calendars share of a request: promises in words, with links to where they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask import url_for
from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.accounts.actors import Actor
from operator_qos.clock import from_ms, to_ms
from operator_qos.i18n import lazy_gettext as _
from operator_qos.me.calendars import has_ended, list_last_changes
from operator_qos.me.deadlines import Deadline, list_deadlines
from operator_qos.me.ical import Entry
from operator_qos.me.queries import ChangeRow
from operator_qos.me.rules import name_obligation
from operator_qos.me.service import describe
from operator_qos.pages import ShopLinks
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standing.day_lines import DOING, DayLine, Shops, build_line, read_facts
from operator_qos.standing.day_queries import MINE, Choice, Owed, list_owed, list_zones
from operator_qos.web import get_site, now

MOST_ENTRIES = 2_000
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


def list_entries(session: Session, owner: Actor, *, host: str) -> list[Entry]:
    """The deadlines of a person's shops as entries of a calendar: their own moves, and what ended lately."""
    assert owner.seller_id is not None  # noqa: S101  # whoever has a calendar works for a seller
    cards = list_shop_cards(session, seller_id=owner.seller_id)
    last = list_last_changes(session, owner.seller_id, now=now())
    choice = Choice([card.id for card in cards])
    lines = build_lines(session, list_owed(session, choice, now_ms=to_ms(now()), limit=MOST_ENTRIES), cards)
    found = [_of_line(line, last, host) for line in lines]
    ends = list_deadlines(session, cards, now=now())
    return [*found, *(_of_deadline(one, host) for one in ends), *_list_ended(last, {row.uid for row in found}, host)]


def _of_line(line: DayLine, last: Mapping[str, ChangeRow], host: str) -> Entry:
    told = describe(line.owed, line.card)
    change = last.get(told["id"])
    changed_at = change.at if change is not None else from_ms(line.owed.since_ms)
    text = "\n".join(part for part in (f"{line.card.name}, {line.card.marketplace}", line.about, line.cost) if part)
    return Entry(f"{told['id']}@{host}", f"{line.title}, {line.name}", text, to_address(find_path(line)),
                 from_ms(line.owed.due_ms), changed_at, change.number if change is not None else 0)


def _of_deadline(one: Deadline, host: str) -> Entry:
    uid = name_obligation(one.card.marketplace_id, one.card.code, one.kind, one.ref)
    named = one.order or one.case
    title = f"{say_deadline(one)}, {named}" if named else say_deadline(one)
    place = f"{one.card.name}, {one.card.marketplace}"
    return Entry(f"{uid}@{host}", title, place, to_address(one.path), one.due_at, one.due_at)


def _list_ended(last: Mapping[str, ChangeRow], shown: set[str], host: str) -> list[Entry]:
    """What was owed and is no longer: under the same name as before, marked as cancelled."""
    found = []
    for name, change in sorted(last.items()):
        due = change.data.get("was_due_at")
        if has_ended(change) and due and change.data["state"] == MINE and f"{name}@{host}" not in shown:
            title = str(DOING.get(change.data["kind"]) or words.obligation_name(change.data["kind"]))
            named = change.data["order"] or change.data["case"] or change.data["conversation"] or ""
            found.append(Entry(f"{name}@{host}", f"{title}, {named}", "", to_address(url_for("seller.show_day")),
                               datetime.fromisoformat(due), change.at, change.number, is_cancelled=True))
    return found
