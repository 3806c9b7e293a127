"""The words of requests: causes with the proof they ask for, states, and why one is not taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flask_babel import format_date

from operator_qos import words
from operator_qos.exclusions.rules import ASK_DAYS, MAX_TEXT, MAX_THINGS, Cause
from operator_qos.i18n import gettext, ngettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.metric_words import Words
from scoring.dossier import Name

PROOFS: Mapping[str, Words] = {
    "platform_fault": _("When it happened and what did not work; a picture helps."),
    "carrier_strike": _("A letter or notice of the carrier that names the days and the area."),
    "carrier_outage": _("A letter or notice of the carrier that names the days and the area."),
    "natural_disaster": _("An official warning or notice, or press, with place and days."),
    "buyer_fault": _("What the buyer did or did not do: messages, address, refused parcel."),
    "content": _("What was changed, by whom and when, and what it said before."),
    "spam": _("Which message, and why it is no question about an order."),
    "system_message": _("Which message, and what shows that no person wrote it."),
    "mistaken_data": _("What the data says, what is true, and what shows it."),
}
STATES: Mapping[str, Words] = {
    "open": _("Being decided"), "granted": _("Granted"), "partly": _("Granted in part"), "refused": _("Not granted"),
    "appealed": _("Appeal being decided"),
}
ITEM_STATES: Mapping[str, Words] = {
    "open": _("Being decided"), "granted": _("Forgiven"), "refused": _("Counts"), "ended": _("Counts again"),
    "proposed": _("Proposed"), "dismissed": _("Counts"),
}
DIMENSIONS: Mapping[str, Words] = {
    "carrier": _("Carrier"), "country": _("Destination"), "category": _("Category"), "source": _("Source of the data"),
    "marketplace": _("Marketplace"),
}
INCIDENT_STATES: Mapping[str, Words] = {
    "proposed": _("Waits for a decision"), "approved": _("Forgiven"), "dismissed": _("Dismissed"),
}
REFUSALS: Mapping[str, Words] = {
    "empty": _("Choose at least one thing to contest."),
    "unknown": _("One of these does not count against the shop any more. Choose again."),
    "excluded": _("One of these is forgiven already."),
    "asked": _("One of these was contested before. A refusal can be appealed on its own page."),
    "cause": _("Choose one of the causes listed."),
    "kind": _("This cause does not cover what you chose. Choose another cause, or send it apart."),
    "open_case": _("Under this standard a problem can be contested once it is closed."),
    "body": _("Write what happened."),
    "proof": _("This cause needs a file that proves it."),
    "why": _("Write the reasons; the seller reads them."),
    "same_person": _("An appeal is decided by somebody who did not decide the request."),
    "decided": _("This was decided before; nothing was changed."),
    "appeal": _("This cannot be appealed: it was not refused, was appealed before, or the time to do so is over."),
    "nothing": _("Nothing of the kind counts against a shop on these days."),
    "days": _("Write two days, the first not after the last, at most 92 days apart."),
    "place": _("Choose a marketplace, a number and a group."),
    "not_granted": _("Only what is forgiven can count again."),
}


def say_refusal(code: str) -> str:
    """Why something was not done, and what to do."""
    if code == "late":
        return str(gettext("The time to contest is over: %(days)s days after it began to count.", days=ASK_DAYS))
    if code == "many":
        return str(gettext("At most %(n)s at a time; send the others apart.", n=MAX_THINGS))
    if code == "long":
        return str(gettext("At most %(n)s characters.", n=MAX_TEXT))
    return str(REFUSALS[code])


def thing_name(name: Name) -> str:
    """What is or may be forgiven: "Ship the order", "Dispute lost"."""
    return str(words.defect_name(name[1]) if name[0] == "defect" else words.obligation_name(name[0]))


def proof_text(cause: Cause) -> str:
    """The proof a cause asks for."""
    return str(PROOFS.get(cause.id, _("What shows it: papers, pictures, messages.")))


def takes_text(cause: Cause) -> str:
    """What granting it takes out."""
    if cause.scope == "both":
        return str(gettext("Then it is not counted at all."))
    return str(gettext("Then it is no failure any more, but is still counted."))


def say_month(first: date) -> str:
    """ "June 2026"."""
    return str(format_date(first, "MMMM yyyy"))


def say_things(count: int) -> str:
    """ "3 things"."""
    return str(ngettext("%(n)s thing", "%(n)s things", count, n=words.count(count)))
