"""Acts, their states and what holds them, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.acts.queries import ANY_TYPE, ActRow
from operator_qos.formats import format_day
from operator_qos.i18n import gettext, ngettext
from operator_qos.i18n import lazy_gettext as _
from operator_qos.standards.queries import UnknownVersionError, get_version
from operator_qos.statements.books import Language
from operator_qos.statements.naming import Names, split_subject
from scoring.guards import FIGURE_LIGHTS, Light

KINDS: Mapping[str, Any] = {
    "ranking": _("Lower place in searches"), "order_cap": _("Limit on new orders"),
    "listing_cap": _("Limit on offers"), "listing_hidden": _("Offers hidden"), "payout_delay": _("Later payouts"),
    "payment_hold": _("Payments held"), "fee": _("Higher fee"), "penalty": _("Penalty"),
    "feature_lost": _("A service of the marketplace is lost"), "suspension": _("Suspension"),
    "termination": _("End of the whole service"), "plan_required": _("A plan is asked for"), "quiz": _("A test"),
    "manual_reopening": _("Reopening by a person only"), "review": _("A review by a person"), "notice": _("Notice"),
    "warning": _("Warning"), "badge": _("Badge"), "level": _("Level"), "strikes": _("Strikes"), "step": _("Step"),
}
STATES: Mapping[str, Any] = {
    "held": _("Held"), "planned": _("Planned"), "asked": _("Asked for"), "in_force": _("In force"),
    "failed": _("Failed"), "ending": _("Its end is asked for"), "ended": _("Ended"), "undone": _("Taken back"),
    "refused": _("Refused"), "dropped": _("Dropped"),
}
SCOPES: Mapping[str, Any] = {
    "country": _("in one country"), "category": _("in one category"), "listing": _("for the offers concerned"),
    "fulfilment": _("for orders the shop ships itself"), "channel": _("in one channel"),
}


@dataclass(frozen=True)
class ActNames:
    """Names acts by the standards that decided them, each read once."""

    session: Session
    language: Language
    _known: dict[tuple[str, int], Names]

    @classmethod
    def open(cls, session: Session, language: str) -> ActNames:
        """Ready to name acts in a language."""
        return cls(session, "fr" if language == "fr" else "en", {})

    def name(self, act: ActRow) -> str:
        """ "Warning 1: Late shipments", "Level: Top seller → In standard", "Limit on new orders: 20 a day"."""
        names = self._find(act.standard_id, act.standard_version)
        if act.kind == "level":
            said = gettext("Level: %(before)s → %(after)s", before=names.level(act.before),
                           after=names.level(act.after))
        elif act.kind == "badge":
            badge = names.badge(str(act.after or act.before))
            said = (gettext("Badge awarded: %(badge)s", badge=badge) if act.after
                    else gettext("Badge withdrawn: %(badge)s", badge=badge))
        elif act.kind == "warning" and act.subject.startswith("warning:"):
            said = self._name_warning(act, names)
        elif act.kind == "strikes":
            said = gettext("Strikes: %(before)s → %(after)s", before=act.before or 0, after=act.after or 0)
        else:
            said = self._name_consequence(act)
        return str(said)

    def _name_warning(self, act: ActRow, names: Names) -> str:
        rule = names.rule(split_subject(act.subject)[1])
        if act.after in {None, "0"}:
            return str(gettext("End of the warning: %(rule)s", rule=rule))
        return str(gettext("Warning %(number)s: %(rule)s", number=act.after, rule=rule))

    def _name_consequence(self, act: ActRow) -> str:
        said = str(KINDS.get(act.kind, act.kind))
        limits = [str(SCOPES[act.scope["scope"]])] if act.scope.get("scope") in SCOPES else []
        if act.scope.get("cap"):
            limits.append(str(gettext("%(number)s at most", number=act.scope["cap"])))
        if act.scope.get("part"):
            limits.append(str(act.scope["part"]))
        return f"{said} ({', '.join(limits)})" if limits else said

    def _find(self, standard_id: str | None, version: int | None) -> Names:
        key = (standard_id or "", version or 0)
        if key not in self._known:
            try:
                standard = get_version(self.session, *key).standard if standard_id else None
            except UnknownVersionError:
                standard = None
            self._known[key] = Names(standard, self.language)
        return self._known[key]


@dataclass(frozen=True)
class Reason:
    """Why an act waits, in a sentence, and the page that shows it; empty where there is none."""

    text: str
    link: str = ""


def say_light(light: Light, language: str) -> str:
    """What is wrong with a feed, in a sentence."""
    event = gettext("events") if light.type == ANY_TYPE else words.event_name(light.type) or light.type
    given = {"source": light.source, "event": event, "found": words.count(light.found),
             "expected": words.count(light.expected), "day": format_day(light.on, language) if light.on else ""}
    if light.kind in FIGURE_LIGHTS:
        return _say_figures(light, given)
    if light.kind == "late":
        return str(gettext("%(source)s has sent nothing of “%(event)s” for more than a day, where about %(expected)s a "
                           "day are usual.", **given))
    if light.kind == "drift":
        return str(gettext("%(source)s counts %(expected)s of “%(event)s” on %(day)s, we have %(found)s.", **given))
    return str(gettext("%(source)s sent %(found)s of “%(event)s” on %(day)s, where about %(expected)s are usual.",
                       **given))


def _say_figures(light: Light, given: Mapping[str, Any]) -> str:
    if light.kind == "figures":
        return str(gettext("%(source)s: figures of the platform that differ from ours for no known cause, compared on "
                           "%(day)s: %(found)s of %(expected)s.", **given))
    return str(gettext("%(source)s: figures of the platform about this shop that differ from ours for no known cause, "
                       "compared on %(day)s: %(found)s.", **given))


def list_hold_reasons(
    holds: Sequence[Mapping[str, Any]], language: str, links: Mapping[str, str] | None = None
) -> list[Reason]:
    """Why an act waits, a sentence per reason; `links` name the pages of sources whose figures are compared."""
    return [Reason(_say_hold(hold, language), find_link(hold, links or {})) for hold in holds]


def find_link(hold: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """The page that shows what a light of figures is about; empty for any other reason."""
    is_figures = hold.get("kind") in FIGURE_LIGHTS and hold.get("source") in links
    return f"{links[hold['source']]}?on={hold['on']}&cause=unexplained" if is_figures else ""


def _say_hold(hold: Mapping[str, Any], language: str) -> str:
    if hold["guard"] == "two_people":
        return str(gettext("Two different people must approve it."))
    if hold["guard"] == "cap":
        return str(ngettext(
            "%(num)s of this kind in one run is more than goes ahead by itself.",
            "%(num)s of this kind in one run are more than go ahead by themselves.", hold["acts"]))
    on = date.fromisoformat(hold["on"]) if hold.get("on") else None
    return say_light(Light(hold["kind"], hold["source"], hold["type"], on, hold["found"], hold["expected"]), language)
