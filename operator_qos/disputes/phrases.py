"""Words of policies and actions in the reader's language."""

from __future__ import annotations

from operator_qos.disputes.policies import Limit
from operator_qos.i18n import gettext, ngettext
from operator_qos.i18n import lazy_gettext as _

ACTION_NAMES = {
    "answer": _("Answer"), "write": _("Write"), "note": _("Keep a note"), "offer": _("Make an offer"),
    "accept_offer": _("Accept an offer"), "decline_offer": _("Decline an offer"), "expire_offer": _("An offer expires"),
    "confirm_performance": _("Confirm that it was carried out"), "report_broken": _("Say that it was not carried out"),
    "break_settlement": _("The time to carry it out is over"), "escalate": _("Ask for a mediator"),
    "mark_overdue": _("The time for the first answer is over"), "remind": _("Remind of a deadline"),
    "withdraw": _("Withdraw"), "auto_close": _("Close after silence"), "reopen": _("Open again"),
    "take": _("Take the case"), "assign": _("Assign"), "declare_conflict": _("Declare a conflict"),
    "ask_evidence": _("Ask for proof"), "give_evidence": _("Give proof"), "decide": _("Decide"),
    "decide_by_default": _("Decide by default after silence"), "appeal": _("Appeal"),
    "end_appeal_window": _("The time to appeal is over"),
}

MAIL_REASONS = {
    "unknown": _("Sent to an address that is not ours, or was changed on the way"),
    "expired": _("Sent to an address that is no longer valid"),
    "foreign": _("Not sent by the person the address was made for"),
    "desk": _("The case is not on this mediator’s desk"),
    "closed": _("The dispute had moved on"),
    "empty": _("No words of its own"),
    "long": _("Text too long"),
    "early": _("Too early"),
    "file_type": _("A file of a kind that is not taken"),
    "file_large": _("A file that is too large"),
    "file_many": _("Too many files"),
    "file_empty": _("An empty file"),
    "unreadable": _("Could not be read"),
}


def mail_reason_name(reason: str) -> str:
    """Why a mail was set aside."""
    return str(MAIL_REASONS.get(reason, reason))


def action_name(name: str) -> str:
    """What an action of the table is called."""
    return str(ACTION_NAMES.get(name, name))


def limit_name(limit: Limit | None) -> str:
    """ "5 working days of the mediators"; a dash where there is no limit."""
    if limit is None:
        return "–"
    return _count(limit) + _whose(limit)


def _count(limit: Limit) -> str:
    n = limit.amount
    if limit.unit == "hours":
        return str(ngettext("%(n)s hour", "%(n)s hours", n, n=n))
    if limit.unit == "days":
        return str(ngettext("%(n)s day", "%(n)s days", n, n=n))
    if limit.unit == "working hours":
        return str(ngettext("%(n)s opening hour", "%(n)s opening hours", n, n=n))
    return str(ngettext("%(n)s working day", "%(n)s working days", n, n=n))


def _whose(limit: Limit) -> str:
    if limit.calendar == "seller":
        return str(gettext(" of the seller"))
    if limit.calendar == "mediators":
        return str(gettext(" of the mediators"))
    return str(gettext(" of the buyer’s country")) if limit.calendar == "buyer" else ""
