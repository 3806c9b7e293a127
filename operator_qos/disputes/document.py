"""The decision as a PDF, in a language of the parties: facts, arguments, grounds, outcome, record, appeal."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import force_locale
from sqlalchemy.orm import Session

from operator_qos import formats, words
from operator_qos.clock import from_ms, to_ms
from operator_qos.disputes import queries
from operator_qos.disputes.file import read_file
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.queries import DisputeRow
from operator_qos.i18n import gettext
from operator_qos.pdf import Section, write_pdf


class _Speaker:
    """Texts, moments and amounts in one language."""

    def __init__(self, language: str, zone: str) -> None:
        self.language, self._zone = language, zone

    def __call__(self, text: str, **values: object) -> str:
        return str(gettext(text, **values))

    def word(self, given: object) -> str:
        """A word of the tables in words.py, lower case."""
        return str(given or "").lower()

    def moment(self, at: datetime | None) -> str:
        local = None if at is None else at.astimezone(ZoneInfo(self._zone))
        return "" if local is None else formats.format_moment(local, self._zone, self.language, True, False)


def list_sections(session: Session, row: DisputeRow, *, language: str) -> list[Section]:
    """What the document says, part by part."""
    say, d = _Speaker(language, row.place.zone), row.dispute
    asked = formats.format_money(d.amount_minor, d.currency, language) if d.amount_minor is not None else "–"
    facts = [
        say("Case %(case)s, order %(order)s", case=d.case_ref, order=d.order_ref or "–"),
        say("Shop: %(shop)s, %(marketplace)s", shop=row.place.shop_name, marketplace=row.place.marketplace_name),
        say("Problem: %(reason)s", reason=say.word(words.reason_name(d.reason)) or d.reason or "–"),
        say("The buyer asks for: %(amount)s", amount=asked),
        say("Opened: %(at)s", at=say.moment(d.opened_at)),
        say("With the mediators since: %(at)s", at=say.moment(d.escalated_at)),
    ]
    return [
        Section(say("Facts"), facts),
        Section(say("Course"), _list_course(session, d, say)),
        Section(say("Grounds"), (d.grounds or say("The grounds are no longer kept.")).splitlines()),
        Section(say("Decision"), _list_outcome(row, say)),
        Section(say("Appeal"), _list_appeal(row, say)),
    ]


# What the log does not hold: the words between the parties about a settlement.
STEPS = {
    "offer": "Offer made", "accept_offer": "Offer accepted", "decline_offer": "Offer declined",
    "expire_offer": "Offer expired", "break_settlement": "The agreement was not kept",
    "report_broken": "The agreement was not kept",
}


# What comes with another event of the same second and says nothing more.
_FOLLOWED = {"case.closed": "case.decided", "case.reopened": "case.appealed"}


def _list_course(session: Session, dispute: Dispute, say: _Speaker) -> list[str]:
    """The case's events in the log and our steps beside it, in time order."""
    file = read_file(session, dispute, reader="mediator", now_ms=to_ms(dispute.decided_at or dispute.opened_at))
    said = [event for event in file.events if event.type.startswith("case.")]
    moments = {(event.type, event.at_ms) for event in said}
    course = [
        (from_ms(event.at_ms), str(words.event_name(event.type))) for event in said
        if (_FOLLOWED.get(event.type, ""), event.at_ms) not in moments
    ]
    steps = queries.list_steps(session, dispute.id)
    course += [(step.at, say(STEPS[step.kind])) for step in steps if step.kind in STEPS]
    return [say.moment(at) + say(": ") + name for at, name in sorted(course, key=lambda line: line[0])] or ["–"]


def _list_outcome(row: DisputeRow, say: _Speaker) -> list[str]:
    d = row.dispute
    paid = "" if not d.refund_minor else ", " + formats.format_money(d.refund_minor, d.currency, say.language)
    remedy = say.word(words.remedy_name(d.remedy or "none")) or "–"
    counts = bool(d.counts) and d.fault == "seller"
    return [
        say("Decided: %(at)s", at=say.moment(d.decided_at)),
        say("Money: %(remedy)s", remedy=remedy + paid),
        say("Fault: %(fault)s.", fault=say.word(words.party_name(d.fault or "nobody"))),
        say("Counts on the seller’s record.") if counts else say("Does not count on the seller’s record."),
    ]


OUTCOMES = {
    "upheld": "The first decision stands.", "reversed_money": "The money was decided anew.",
    "reversed_metric": "The seller’s record was decided anew.",
    "reversed_both": "Money and record were decided anew.",
}


def _list_appeal(row: DisputeRow, say: _Speaker) -> list[str]:
    d = row.dispute
    if d.outcome:
        return [say("This is the decision on an appeal."), say(OUTCOMES[d.outcome]), say("It is final here.")]
    if d.state == "decided" and d.appeal_until_at is not None:
        until = say("Either side may appeal until %(at)s.", at=say.moment(d.appeal_until_at))
        return [until, say("Another mediator then looks at the case. The way to a court stays open.")]
    return [say("The time to appeal is over. The way to a court stays open.")]


def write_decision(session: Session, row: DisputeRow, *, language: str) -> bytes:
    """The PDF of a decided dispute; the same content gives the same bytes."""
    with force_locale(language):
        title = str(gettext("Decision on case %(case)s", case=row.dispute.case_ref))
        sections = list_sections(session, row, language=language)
    return write_pdf(title, sections, language=language, made_at=row.dispute.decided_at)
