"""The words of appeals and plans, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operator_qos import words
from operator_qos.i18n import gettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.recourse.queries import ChangeFacts, Contested
from operator_qos.standards.titles import name_badge, name_level
from operator_qos.statements.books import Language, name_kind
from operator_qos.web import get_language
from scoring.dossier import Name
from scoring.standards import Standard

GROUNDS: Mapping[str, Any] = {
    "wrong_data": _("The data is wrong"),
    "not_our_fault": _("It was beyond our control"),
    "rule_misread": _("The rule was applied wrongly"),
    "disproportionate": _("The consequence is too severe"),
    "procedure": _("The procedure was not followed"),
    "other": _("Something else"),
}
STATES: Mapping[str, Any] = {
    "filed": _("Received, admissibility being checked"), "admissible": _("Admitted, to be assigned"),
    "assigned": _("Being decided"), "upheld": _("Decision upheld"), "reversed": _("Decision reversed"),
    "partly": _("Decision reversed in part"), "inadmissible": _("Not admissible"), "withdrawn": _("Withdrawn"),
}
ACTIONS: Mapping[str, Any] = {
    "file": _("Appeal received"), "admit": _("Appeal admitted"), "refuse": _("Appeal not admissible"),
    "assign": _("Appeal assigned"), "write": _("Message"), "decide": _("Appeal decided"),
    "withdraw": _("Appeal withdrawn"), "remind": _("Reminder sent"),
}
SIDES: Mapping[str, Any] = {"seller": _("Seller"), "operator": _("Operator"), "timer": _("By itself")}
PLAN_STATES: Mapping[str, Any] = {
    "drafted": _("Proposed"), "agreed": _("Agreed, starts on its first day"), "running": _("Running"),
    "reached": _("Target reached"), "missed": _("Target missed"), "withdrawn": _("Ended early"),
}
PLAN_ACTIONS: Mapping[str, Any] = {
    "propose": _("Plan proposed"), "revise": _("Plan changed"), "agree": _("Plan agreed to"),
    "withdraw": _("Plan ended early"), "start": _("Plan began"), "reached": _("Plan ended: target reached"),
    "missed": _("Plan ended: target missed"),
}
REFUSALS: Mapping[str, Any] = {
    "empty": _("Write a few words: they are read by a person, and kept."),
    "long": _("This text is too long; at most 8,000 letters are taken."),
    "missing": _("This does not exist, or does not concern this shop."),
    "late": _("The six months in which this could be contested are over."),
    "contested": _("This is contested already; the open appeal is in the list of appeals."),
    "decided": _("This was decided on appeal before. Nobody decides it twice."),
    "same_person": _("Only the person it is assigned to decides, and never one who had a part in the first decision."),
    "nothing_falls": _("Upholding means that nothing falls and everything counts. Untick what you ticked."),
    "name_what_falls": _("Tick what falls, or what does not count."),
    "review": _("The review must lie 14 to 120 days ahead."),
    "target": _("Write the target as a percentage, like 4 %."),
    "no_cause": _("A plan follows a warning or a lower level of the last six months. This shop had none."),
    "plan_open": _("There is a plan for this rule already."),
    "unknown": _("Choose one of the list."),
    "many": _("There are too many files."),
    "not_recorded": _("The log would not take it. Reload the page and try again."),
    "moved_on": _("This is no longer possible: somebody was faster. Nothing was changed."),
}
PROMISES: Mapping[str, Any] = {
    "admissible": _("Say whether an appeal is admissible: 2 working days"),
    "appeal": _("Decide an appeal: 15 days"),
    "request": _("Decide a request to have something forgiven: 5 working days"),
    "mediation": _("Decide a dispute passed to a mediator: 7 days"),
    "question": _("Answer a question to the marketplace"),
}
KINDS: Mapping[str, Any] = {
    "level": _("Level"), "badge": _("Badge"), "warning": _("Warning"), "act": _("Restriction")}


def say(table: Mapping[str, Any], key: str | None) -> str:
    """A word of a table; what it does not know, readable."""
    return str(table.get(key or "") or (key or "–").replace("_", " "))


def say_refusal(code: str) -> str:
    """Why something was not done."""
    return say(REFUSALS, code)


def name_rule(standard: Standard | None, rule: str) -> str:
    """What a rule is called."""
    known = standard.find_rule(rule) if standard is not None else None
    title = dict(known.title).get(get_language()) if known is not None and known.title else None
    return title or str(words.metric_name(known.metric if known is not None else rule))


def say_contested(found: Contested, standard: Standard | None) -> str:
    """What is contested: "Warning 1: Late shipments"."""
    if found.change is not None:
        return say_change(found.change, standard)
    language: Language = "fr" if get_language() == "fr" else "en"
    return name_kind(found.subject, language)


def say_change(change: ChangeFacts, standard: Standard | None) -> str:
    """A change in a few words."""
    if change.kind == "level_changed":
        before, after = (name_level(standard, level) if standard else str(words.level_name(level))
                         for level in (change.before, change.after))
        return str(gettext("%(before)s became %(after)s", before=before, after=after))
    if change.kind.startswith("badge"):
        badge = change.after or change.before or ""
        name = name_badge(standard, badge) if standard is not None else str(words.badge_name(badge))
        return f"{words.change_name(change.kind)}{gettext(': ')}{name}"
    about = name_rule(standard, change.metric or "")
    if change.kind == "warning_given":
        return str(gettext("Warning %(level)s: %(rule)s", level=change.after, rule=about))
    return f"{words.change_name(change.kind)}{gettext(': ')}{about}"


def say_reasons(change: ChangeFacts) -> list[str]:
    """Why, as it was told then."""
    return [words.reason_sentence(reason) for reason in change.reasons]


def say_thing(name: Name) -> str:
    """A promise or a defect: "Ship the order, O-17"."""
    if name[0] == "defect":
        return f"{words.defect_name(name[1])}, {name[2]}"
    return f"{words.obligation_name(name[0])}, {name[-1]}"
