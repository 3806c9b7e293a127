"""The form of a draft in the author's words: labels, what stands beside the fields, and what the checker found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from operator_qos.formats import format_rate
from operator_qos.i18n import gettext
from operator_qos.standards.form_fields import FieldError, FormField, FormPart, list_parts
from operator_qos.standards.judging import RuleCheck, SizeCheck
from operator_qos.standards.phrases import name_key, name_part, read_language
from operator_qos.standards.refusals import say_problem
from operator_qos.standards.wording import capital, word_part, word_standard
from scoring.judgeability import Finding
from scoring.standards import Standard, StandardError, title_in


@dataclass(frozen=True)
class FieldLine:
    """A field as the page shows it: with what was typed, and what is wrong with it."""

    field: FormField
    label: str
    value: str
    operator: str
    problem: str


@dataclass(frozen=True)
class PartLines:
    """A part of the standard: its name, its fields, and all of it in words, what the form does not know too.

    `place` names one that can be taken out, empty for the standard itself.
    """

    kind: str
    name: str
    fields: tuple[FieldLine, ...]
    told: tuple[str, ...]
    place: str = ""
    is_removed: bool = False


@dataclass(frozen=True)
class Typed:
    """What was sent: values and operators by field, and what could not be put in."""

    values: Mapping[str, str]
    operators: Mapping[str, str]
    errors: Sequence[FieldError] = ()
    mistakes: Sequence[StandardError] = ()
    removed: frozenset[str] = frozenset()  # parts to be taken out, as `rules/1`

    def find_problem(self, field: FormField) -> str:
        """What is wrong with a field, empty when nothing is."""
        for error in self.errors:
            if error.name == field.name:
                return say_error(error)
        paths = (mistake for mistake in self.mistakes if _concerns(mistake.path, field.path))
        return next((say_problem(mistake.problem) for mistake in paths), "")

    def list_elsewhere(self, parts: Sequence[FormPart]) -> list[StandardError]:
        """Mistakes that no field of the form is about."""
        paths = [field.path for part in parts for field in part.fields]
        return [error for error in self.mistakes if not any(_concerns(error.path, path) for path in paths)]


def _concerns(path: str, field_path: str) -> bool:
    return path == field_path or path.startswith((f"{field_path}.", f"{field_path}["))


def build_parts(text: str, standard: Standard, typed: Typed) -> list[PartLines]:
    """The form over a text, in the reader's language."""
    told = _tell_parts(standard)
    found: list[PartLines] = []
    for part in list_parts(text):
        name, sentences = told.get((part.kind, part.id), (part.id, ()))
        lines = tuple(_to_line(field, standard, typed) for field in part.fields)
        before = sum(one.kind == part.kind for one in found)
        place = "" if part.kind == "standard" else f"{part.kind}/{before}"
        found.append(PartLines(part.kind, name, lines, sentences, place, place in typed.removed))
    return found


def find_old_path(path: str, removed: Iterable[str]) -> str:
    """The path of a mistake as the form counts: its parts stand where they stood before some were taken out."""
    kind, bracket, rest = path.partition("[")
    number, closing, after = rest.partition("]")
    if not bracket or not closing or not number.isdigit():
        return path
    gone = sorted(int(place.partition("/")[2]) for place in removed if place.partition("/")[0] == kind)
    place = int(number)
    for one in gone:
        place += one <= place
    return f"{kind}[{place}]{after}"


def _to_line(field: FormField, standard: Standard, typed: Typed) -> FieldLine:
    return FieldLine(
        field, capital(_name_field(field, standard)), typed.values.get(field.name, field.value),
        typed.operators.get(field.name, field.operator), typed.find_problem(field))


def _tell_parts(standard: Standard) -> dict[tuple[str, str], tuple[str, tuple[str, ...]]]:
    """Name and sentences of every part, whatever constructs it uses."""
    page = word_standard(standard)
    found = {("standard", ""): (gettext("The standard itself"), (*page.scope, *page.judging, *page.following))}
    for rule in standard.rules:
        said = word_part(rule, standard)
        found["rules", rule.id] = (name_part(rule), tuple(text for text in (said.window, *said.sentences) if text))
    for tier, (_id, name, takes) in zip(standard.tiers, page.levels, strict=True):
        found["tiers", tier.id] = (name, (takes,))
    for badge, (name, takes) in zip(standard.badges, page.badges, strict=True):
        found["badges", badge.id] = (name, (takes,))
    return found


def _name_field(field: FormField, standard: Standard) -> str:
    if field.place[-2:-1] == ("title",):
        return gettext("Name in English") if field.place[-1] == "en" else gettext("Name in French")
    known = {
        "effective_from": gettext("In force from"), "min_base": gettext("Least number counted"),
        "min_bad": gettext("Least number of failures"), "min_buyers": gettext("Least number of buyers behind them"),
        "alpha": gettext("Largest chance that luck alone explains it (0.005 is 0.5%)"),
        "kept_when": gettext("Kept while the result is"), "watch_when": gettext("To be watched once it is"),
        "within_hours": gettext("Hours allowed"), "stay_days": gettext("Held for so many days at least"),
        "after_days": gettext("Warnings after so many days of breach, the first at 0"),
        "end_after_days": gettext("They end after so many days without a breach"),
    }
    if field.place[-2:] == ("window", "days"):
        return gettext("Counted over so many days")
    steps = [step for step in field.place if not step.isdigit()]
    return known.get(steps[-1]) or name_key(steps[-1], standard)


def say_operator(operator: str) -> str:
    """A comparison in words."""
    texts = {"<=": gettext("at most"), "<": gettext("below"), ">=": gettext("at least"), ">": gettext("above"),
             "=": gettext("exactly")}
    return texts[operator]


def say_error(error: FieldError) -> str:
    """Why a value cannot stand in its field."""
    texts = {
        "number": gettext("Give a number, like 4 or 2.5."), "date": gettext("Give a date."),
        "operator": gettext("Choose one of the comparisons."),
    }
    return texts[error.code]


@dataclass(frozen=True)
class CheckLine:
    """What the checker says of one rule: a row per size of shop, sentences, and whether anything is wrong."""

    name: str
    rows: tuple[tuple[str, str, str, str, str, str], ...]
    sentences: tuple[str, ...]
    is_doubtful: bool


def build_checks(checks: Sequence[RuleCheck]) -> list[CheckLine]:
    """The checker's findings in the reader's words."""
    return [_to_check(check) for check in checks]


def _to_check(check: RuleCheck) -> CheckLine:
    name = name_part(check.rule)
    if check.reason:
        return CheckLine(name, (), (_say_reason(check.reason),), False)
    rows = tuple(_to_row(size) for size in check.sizes)
    return CheckLine(name, rows, tuple(_say_simulated(check)), any(size.judged.findings for size in check.sizes))


def _to_row(size: SizeCheck) -> tuple[str, str, str, str, str, str]:
    judged, language = size.judged, read_language()
    names = {"small": gettext("A small shop"), "typical": gettext("A typical shop"), "large": gettext("A large shop")}
    least = gettext("never") if judged.least_bad is None else str(judged.least_bad)
    return (names[size.size], str(judged.base), least, format_rate(judged.false_alarm_rate, language),
            format_rate(judged.detection_rate, language), " ".join(_say_finding(found, judged.units_needed)
                                                                   for found in judged.findings))


def _say_finding(finding: Finding, units_needed: int) -> str:
    texts = {
        Finding.TOO_FEW_UNITS: gettext("Mostly not judged: %(n)s more needed.", n=units_needed),
        Finding.NEVER_BREACHED: gettext("Never breached, even if everything failed."),
        Finding.SELDOM_FOUND: gettext("A shop at three times the limit is mostly missed."),
        Finding.OFTEN_ACCUSED: gettext("A shop that keeps the limit is often accused."),
    }
    return texts[finding]


def _say_reason(reason: str) -> str:
    texts = {
        "inactive": gettext("It is switched off, so nothing is judged."),
        "unmeasured": gettext("Nothing is counted for it here yet, so nothing can be said."),
        "kind": gettext("Only shares can be worked out beforehand; try it on history instead."),
        "window": gettext("Only windows of whole days can be worked out beforehand; try it on history instead."),
        "limit": gettext("Only one plain limit can be worked out beforehand; try it on history instead."),
        "empty": gettext("No shop has anything that counts here yet."),
    }
    return texts[reason]


def _say_simulated(check: RuleCheck) -> list[str]:
    found, language = check.simulated, read_language()
    if found is None:
        return []
    said = [
        gettext("Over %(days)s days at the volumes of %(shops)s shops: of those exactly on the limit, %(share)s would "
                "be called in breach by chance at some time.", days=found.days, shops=check.shops,
                share=format_rate(check.accused_share, language)),
        gettext("Of those that begin to fail three times as often as allowed, %(share)s would be found.",
                share=format_rate(check.found_share, language)),
    ]
    if check.found_after_days is not None:
        said.append(gettext("Half of them within %(n)s days.", n=round(check.found_after_days)))
    if found.never_judged:
        said.append(gettext("%(n)s of %(shops)s shops never reach the least number counted: nothing is said of them "
                            "while they are not in breach.", n=found.never_judged, shops=found.shops))
    if check.sampled < check.shops:
        said.append(gettext("Worked out on %(n)s of them, evenly by size.", n=check.sampled))
    return said


def name_standard(standard: Standard) -> str:
    """Its title in the reader's language."""
    return title_in(standard.title, read_language())
