"""Versions of a standard: what changed, in words, and whether it was announced in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from scoring.standards.errors import StandardError
from scoring.standards.model import Standard, title_in

NOTICE_DAYS = 15
LEGAL_GROUNDS: Mapping[str, tuple[str, str]] = {
    "legal_duty": ("a legal duty to change it sooner", "une obligation légale de modifier plus tôt"),
    "imminent_danger": ("an unforeseen danger at hand, like fraud", "un danger imprévu et imminent, comme une fraude"),
}
"""Grounds on which a change may take effect without the full notice (Regulation (EU) 2019/1150, Article 3)."""

Kind = Literal["added", "removed", "changed"]
LISTS = ("figures", "rules", "tiers", "badges", "strikes", "clocks", "seasons", "exclusions")
QUIET = frozenset({"version", "effective_from", "published_on"})


@dataclass(frozen=True)
class Change:
    """One difference between two versions. ``subject`` is the title or id of the part, empty for the standard itself.

    ``path`` names the field with parts by their ids, like ``rules.late_shipment_rate.kept_when``; ``before`` and
    ``after`` are plain values, None where there is none.
    """

    kind: Kind
    path: str
    section: str
    subject: str
    field: str
    before: Any
    after: Any

    def say(self, language: str = "en") -> str:
        """The change as a sentence, in English or French."""
        french = language == "fr"
        section = (SECTIONS_FR if french else SECTIONS).get(self.section, self.section)
        whole = f"{section} « {self.subject} »" if french else f"{section} “{self.subject}”"
        if self.field == "":
            words = {"added": ("is new", "est nouveau"), "removed": ("is dropped", "est supprimé")}
            return _sentence(f"{whole} {words.get(self.kind, ('changes', 'change'))[french]}")
        name = (FIELDS_FR if french else FIELDS).get(self.field, self.field)
        start = f"{whole} : {name}" if french and self.subject else f"{whole}: {name}" if self.subject else name
        return _sentence(f"{start} {self._say_values(french)}")

    def _say_values(self, french: bool) -> str:
        before, after = _show(self.before), _show(self.after)
        if self.kind == "added":
            return f"est désormais {after}" if french else f"is now {after}"
        if self.kind == "removed":
            return f"n’est plus {before}" if french else f"is no longer {before}"
        return f"passe de {before} à {after}" if french else f"changes from {before} to {after}"


SECTIONS = {
    "rules": "rule", "figures": "figure", "tiers": "level", "badges": "badge", "strikes": "strikes", "clocks": "clock",
    "seasons": "season", "exclusions": "exclusion", "points": "points",
}
SECTIONS_FR = {
    "rules": "règle", "figures": "chiffre", "tiers": "niveau", "badges": "badge", "strikes": "avertissements cumulés",
    "clocks": "horloge", "seasons": "saison", "exclusions": "exclusion", "points": "points",
}
FIELDS = {
    "kept_when": "the limit", "watch_when": "the warning threshold", "window": "the window", "limits": "the limits",
    "judged_when": "the least that must be known", "exempt_when": "who is exempt", "needs": "what it takes",
    "keeps": "what it takes to stay", "stay_days": "the least stay in days", "title": "the name", "clock": "the clock",
    "within_hours": "the time allowed in hours", "active": "whether it is used", "bad_when": "what counts as bad",
    "count_when": "what counts", "defect_kinds": "the defects that count", "measure": "what is measured",
    "evidence": "the evidence a breach needs", "scope": "whom it binds", "evaluated": "when it is evaluated",
    "settle_hours": "how long after a day it is judged", "warnings": "the warnings", "acts": "what follows",
    "last_days": "how long it counts in days", "start": "the start", "lines": "what gives points", "steps": "the steps",
    "holidays": "the holidays", "due_in_days": "the days until it is due", "due_at": "the time of day it is due",
    "order_cut_off": "the time from which the next day counts",
}
FIELDS_FR = {
    "kept_when": "la limite", "watch_when": "le seuil d’alerte", "window": "la période", "limits": "les limites",
    "judged_when": "le minimum à connaître", "exempt_when": "qui est dispensé", "needs": "les conditions",
    "keeps": "les conditions pour rester", "stay_days": "la durée minimale en jours", "title": "le nom",
    "clock": "l’horloge", "within_hours": "le délai en heures", "active": "l’usage",
    "bad_when": "ce qui compte comme faute", "count_when": "ce qui compte",
    "defect_kinds": "les défauts comptés", "measure": "la mesure",
    "evidence": "les preuves nécessaires", "scope": "le champ d’application", "evaluated": "le calendrier d’évaluation",
    "settle_hours": "le délai avant jugement", "warnings": "les avertissements", "acts": "les conséquences",
    "last_days": "la durée en jours", "start": "le départ", "lines": "ce qui donne des points", "steps": "les paliers",
    "holidays": "les jours fériés", "due_in_days": "le nombre de jours jusqu’à l’échéance",
    "due_at": "l’heure de l’échéance", "order_cut_off": "l’heure à partir de laquelle le jour suivant compte",
}


def diff_standards(before: Standard, after: Standard) -> tuple[Change, ...]:
    """Everything that changes from one version to another, in the order of the standard; empty for equal content."""
    old, new = before.to_mapping(), after.to_mapping()
    changes = list(_diff_fields("", "", old, new, skip={*LISTS, *QUIET}))
    for section in LISTS:
        titles = {part.id: _title(part) for standard in (before, after) for part in getattr(standard, section)}
        changes += _diff_parts(section, _by_id(old, section), _by_id(new, section), titles)
    return tuple(changes)


def _title(part: Any) -> str:
    title = getattr(part, "title", None)
    return title_in(title, "en") if title else str(part.id)


def _by_id(plain: Mapping[str, Any], section: str) -> dict[str, Any]:
    return {part["id"]: part for part in plain.get(section, [])}


def _diff_parts(
    section: str, old: Mapping[str, Any], new: Mapping[str, Any], titles: Mapping[str, str]
) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        path = f"{section}.{name}"
        if name not in new:
            yield Change("removed", path, section, titles[name], "", old[name], None)
        elif name not in old:
            yield Change("added", path, section, titles[name], "", None, new[name])
        else:
            yield from _diff_fields(path, titles[name], old[name], new[name], skip={"id"})


def _diff_fields(
    path: str, subject: str, old: Mapping[str, Any], new: Mapping[str, Any], *, skip: set[str]
) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        if name in skip or old.get(name) == new.get(name):
            continue
        kind: Kind = "added" if name not in old else "removed" if name not in new else "changed"
        place = f"{path}.{name}" if path else name
        yield Change(kind, place, path.partition(".")[0], subject, name, old.get(name), new.get(name))


def _show(value: Any) -> str:
    """A plain value as people write it in a standard."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_show(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def require_notice(
    standard: Standard, published_on: date, *, notice_days: int = NOTICE_DAYS, legal_ground: str | None = None
) -> None:
    """Refuse a version that takes effect before its notice is over, unless a legal ground is named.

    Raises StandardError saying the first date that is possible, or that the ground is none.
    """
    if legal_ground is not None:
        if legal_ground not in LEGAL_GROUNDS:
            raise StandardError("legal_ground", f"{legal_ground!r} is none of {', '.join(LEGAL_GROUNDS)}")
        if standard.effective_from < published_on:
            raise StandardError(
                "effective_from", f"{standard.effective_from} is past and what was judged stays as it was; "
                f"the first possible date is {published_on}")
        return
    earliest = published_on + timedelta(days=notice_days)
    if standard.effective_from < earliest:
        raise StandardError(
            "effective_from",
            f"{standard.effective_from} is less than {notice_days} days after publication on {published_on}; "
            f"the first possible date is {earliest}, or name the legal ground")


def require_successor(standard: Standard, before: Standard) -> None:
    """Refuse a version that cannot follow another: same id, higher version, later date. Raises StandardError."""
    if standard.id != before.id:
        raise StandardError("id", f"{standard.id} is no version of {before.id}")
    if standard.version <= before.version:
        raise StandardError("version", f"{standard.version} does not follow {before.version}")
    if standard.effective_from <= before.effective_from:
        raise StandardError(
            "effective_from", f"{standard.effective_from} is not after {before.effective_from}, when version "
            f"{before.version} took effect; a number in force is never changed")
