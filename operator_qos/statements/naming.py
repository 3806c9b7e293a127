"""Names, values and limits in a language that need not be the reader's: statements are written in both. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from operator_qos import formats, words
from operator_qos.clock import from_ms
from operator_qos.condition_words import PARTS
from operator_qos.evaluation.saying import list_titles, name_rule, say_reason
from operator_qos.i18n import get_translations, set_french_spaces
from operator_qos.metric_words import METRIC_WORDS, Words
from operator_qos.standards.diffs import name_metric
from operator_qos.statements.books import Language
from operator_qos.statements.facts import Found, StatementAct
from scoring.metrics import METRICS
from scoring.standards import Rule, Standard, title_in
from scoring.standards.conditions import Compare
from scoring.standards.parts import Figure
from scoring.standards.wording import say_condition, say_window

# More than any window that depends on a volume asks for.
_MANY = 10**9


def say_word(word: Words, language: Language) -> str:
    """A text marked for translation, or a plain one as it is."""
    marked = getattr(word, "_args", None)
    return str(get_translations(language).gettext(marked[0])) if marked else str(word)


def write_moment(at: datetime, zone: str, language: Language) -> str:
    """ "18 June 2026, 09:40" on the clocks of a zone."""
    return formats.format_moment(at.astimezone(ZoneInfo(zone)), zone, language, year=True)


def name_country(code: str, language: Language) -> str:
    """A country by its name, an unknown one by its code."""
    return str(Locale.parse(language).territories.get(code.upper(), code.upper()))


def split_subject(subject: str) -> tuple[str, str]:
    """What an act is about and which one: "badge:fast_replies" gives badge and fast_replies; its part is left out."""
    kind, _, name = subject.partition("|")[0].partition(":")
    return kind, name


class Names:
    """What things of a standard are called in one language; without a standard by the product's own names."""

    def __init__(self, standard: Standard | None, language: Language) -> None:
        self.standard, self.language = standard, language
        self._titles = list_titles(standard) if standard is not None else {"levels": {}, "badges": {}, "rules": {}}

    def level(self, level_id: str | None) -> str:
        """The title of a level; a dash for none."""
        return self._find("levels", level_id) or (say_word(words.level_name(level_id), self.language) if level_id
                                                  else formats.DASH)

    def badge(self, badge_id: str) -> str:
        """The title of a badge."""
        return self._find("badges", badge_id) or say_word(words.badge_name(badge_id), self.language)

    def rule(self, name: str) -> str:
        """The title of a rule, else the name of its metric, else its id as words; with the part judged by itself."""
        first, _, part = name.removeprefix("strikes.").partition("|")
        if first.partition(".")[0] == "points" and self.standard is not None:
            return first
        said = self._name_rule(first)
        return f"{said} ({part})" if part else said

    def _name_rule(self, name: str) -> str:
        """A rule's own title before a figure's that counts the same metric."""
        rule = find_rule(name, self.standard)
        if rule is not None and rule.title:
            return title_in(rule.title, self.language)
        if name in METRICS or (rule is not None and rule.metric == rule.id):
            return name_metric(rule.metric if rule is not None else name, self.language)
        return name_rule(self.standard, name, self.language) if self.standard is not None else name.replace("_", " ")

    def _find(self, kind: str, name: str | None) -> str | None:
        titles = self._titles[kind].get(name or "", {})
        return titles.get(self.language) or titles.get("en")

    def act(self, act: StatementAct) -> dict[str, str]:
        """What is put into the name and the effect of an act."""
        kind, name = split_subject(act.subject)
        sides = {"before": act.before, "after": act.after}
        is_level = act.kind == "level"
        said = {side: self.level(value) if is_level else value or "0" for side, value in sides.items()}
        if act.kind == "badge":
            name = name or act.before or act.after or ""
        if kind == "step":
            name, _, place = name.rpartition(":")
            said["after"] = place
        return {**said, "badge": self.badge(name) if act.kind == "badge" else "",
                "rule": self.rule(name) if name and act.kind in {"warning", "step"} else ""}

    def reason(self, reason: Mapping[str, Any]) -> str:
        """A stored reason as a sentence; its code where no standard is known."""
        if self.standard is None:
            return str(reason.get("code") or "")
        said = say_reason(reason, self.standard, self.language)
        return set_french_spaces(said) if self.language == "fr" else said


def find_metric(rule_name: str, standard: Standard | None) -> str:
    """The metric that a rule counts; the name itself where there is no such rule."""
    rule = find_rule(rule_name, standard)
    return rule.metric if rule is not None and rule.metric else rule_name.partition("|")[0]


def find_rule(rule_name: str, standard: Standard | None) -> Rule | None:
    """The rule of a result's name."""
    return standard.find_rule(rule_name.partition("|")[0]) if standard is not None else None


def is_share(figure: Figure | None, metric: str) -> bool:
    """Whether its value is a part of what was counted."""
    if figure is not None:
        return figure.composed is None and figure.measure in {"share", "share_of_good"}
    return metric not in METRICS or METRICS[metric].kind in {"share", "repeat"}


def say_value(found: Found, standard: Standard | None, language: Language) -> str:
    """A result as people read it: shares in per cent, times as such, everything else as a number."""
    rule, metric = find_rule(found.rule, standard), find_metric(found.rule, standard)
    value = found.value
    if value is None:
        return formats.DASH
    if is_share(rule, metric):
        return formats.format_rate(value, language)
    if rule is not None and metric in METRICS and METRICS[metric].kind == "time" and rule.measure in {
            "mean", "median", "percentile"}:
        return formats.format_duration(value, language)
    if value.is_integer():
        return formats.format_count(int(value), language)
    return formats.format_number(value, language, 2)


def say_failures(metric: str, language: Language) -> str:
    """What failures of a metric are called, lower case."""
    found = METRIC_WORDS.get(metric)
    return say_word(found.failures, language) if found else metric.replace("_", " ")


def say_explanation(metric: str, language: Language) -> str:
    """What a metric counts; empty for one that we do not know."""
    found = METRIC_WORDS.get(metric)
    return say_word(found.explanation, language) + "." if found else ""


def say_limit(rule: Rule | None, limit: object, higher_is_better: bool, language: Language) -> str:
    """What a rule asks of its value: "at most 4%"; by the limit stored where the rule is not known; empty for none."""
    if rule is not None and rule.kept_when is not None:
        if isinstance(rule.kept_when, Compare) and rule.kept_when.key == "value" and rule.kept_when.text.endswith("%"):
            bound, worded = rule.kept_when, {"en": ("below", "at most", "above", "at least"),
                                             "fr": ("moins de", "au plus", "plus de", "au moins")}[language]
            place = ("<", "<=", ">", ">=").index(bound.operator) if bound.operator in {"<", "<=", ">", ">="} else None
            if place is not None:
                return f"{worded[place]} {formats.format_limit(float(bound.bound), language)}"
        said = say_condition(rule.kept_when, language, lambda name: _name_key(name, language))
        return set_french_spaces(said) if language == "fr" else said.replace(" %", "%")
    if limit is None:
        return ""
    shown = formats.format_limit(float(Fraction(str(limit))), language)
    return {"en": f"at {'least' if higher_is_better else 'most'} {shown}",
            "fr": f"au {'moins' if higher_is_better else 'plus'} {shown}"}[language]


def _name_key(key: str, language: Language) -> str:
    """What a condition looks at: "the number of failures"."""
    part = PARTS.get(key.rpartition(".")[2])
    return say_word(part, language) if part is not None else key.replace("_", " ")


def find_last_day(found: Found, standard: Standard | None, zone: str) -> date:
    """The last local day of the window a result was counted over; without one of its rule's, that of the run."""
    as_of = (from_ms(found.as_of_ms) - timedelta(milliseconds=1)).astimezone(ZoneInfo(zone)).date()
    rule = find_rule(found.rule, standard)
    if rule is None or standard is None or rule.window is None or not found.window_start_ms:
        return as_of
    first = from_ms(found.window_start_ms).astimezone(ZoneInfo(zone)).date()
    windows = [window for volume in (None, _MANY) for window in standard.list_windows(rule.id, found.on, volume)]
    return next((end - timedelta(days=1) for begin, end in windows if begin == first), as_of)


def say_period(rule: Rule | None, language: Language) -> str:
    """The window of a rule: "the last 30 days"; empty where it has none of its own."""
    return say_window(rule.window, language) if rule is not None and rule.window is not None else ""
