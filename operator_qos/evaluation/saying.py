"""Reasons under any standard as sentences of a notice, in English and French. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal

from operator_qos.condition_words import PARTS
from operator_qos.standards.diffs import name_metric, say_in
from scoring.metrics import METRICS
from scoring.standards import Standard, title_in
from scoring.standards.parts import Rule
from scoring.standards.wording import say_condition

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, Language] = ("en", "fr")
_VERDICTS = {"kept": ("kept", "tenu"), "not_kept": ("not kept", "non tenu"), "breached": ("broken", "dépassé"),
             "still_breached": ("still broken", "toujours dépassé"), "not_judged": ("not judged", "non jugé")}
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "judged": ("{name}: {value}{counted}, {verdict}.{asked}", "{name} : {value}{counted}, {verdict}.{asked}"),
    "episode_ended": ("{name}: no longer broken.", "{name} : la limite n’est plus dépassée."),
    "enough_orders": ("Orders: {base}, at least {needed} asked.", "Commandes : {base}, au moins {needed} demandées."),
    "too_few_orders": ("Orders: {base}, at least {needed} asked.", "Commandes : {base}, au moins {needed} demandées."),
    "too_small_base": ("{name}: {base} counted, at least {needed} asked.",
                       "{name} : {base} comptés, au moins {needed} demandés."),
    "nothing_judged": ("There is not enough data to judge.", "Les données ne suffisent pas pour juger."),
    "level_reached": ("It comes with the level reached.", "Il va avec le niveau atteint."),
    "level_left": ("It goes with the level left.", "Il part avec le niveau quitté."),
    "restored_on_appeal": ("Restored on appeal, as of the day it was taken.",
                           "Rétabli après contestation, à la date d’origine."),
    "condition": ("{key}: {found}; asked: {asks}.", "{key} : {found} ; demandé : {asks}."),
}


def say_reason(reason: Mapping[str, Any], standard: Standard, language: Language) -> str:
    """One stored reason as a sentence; an unknown code as itself."""
    code, place = str(reason.get("code") or ""), LANGUAGES.index(language)
    kind = "judged" if code in _VERDICTS else "condition" if code.startswith("condition") else code
    if kind not in _SENTENCES:
        return code
    key = str(reason.get("key") or "")
    value = _say_value(reason.get("value"), language)
    return _SENTENCES[kind][place].format(
        name=name_rule(standard, str(reason.get("metric") or ""), language),
        value=value, counted=_say_counted(reason, language, bracketed=bool(value)),
        verdict=_VERDICTS.get(code, ("", ""))[place], asked=_say_asked(reason, standard, language),
        base=reason.get("base", 0), needed=reason.get("needed", 0),
        key=_name_key(key, standard, language), asks=reason.get("asks", ""),
        found=_say_found(reason.get("found"), language))


def name_rule(standard: Standard, name: str, language: Language) -> str:
    """The title of a rule or figure, else the name of the metric it is called after, else its id as words."""
    known = (part for part in (*standard.rules, *standard.figures) if name in {part.id, part.metric} and part.title)
    found = next(known, None)
    if found is not None and found.title:
        return title_in(found.title, language)
    return name_metric(name, language) if name in METRICS else name.replace("_", " ").capitalize()


def _name_key(key: str, standard: Standard, language: Language) -> str:
    """What a condition looked at: "the age of the shop in days", "the breaches in a row (Late shipments)"."""
    first, _, last = key.partition(".")
    part = PARTS.get(last or first)
    if part is None:
        return name_rule(standard, first, language)
    said = say_in(part, language)
    said = said[:1].upper() + said[1:]
    return f"{said} ({name_rule(standard, first, language)})" if last else said


def list_titles(standard: Standard) -> dict[str, dict[str, dict[str, str]]]:
    """What a standard calls its levels, badges and rules, by kind, id and language."""
    rules = {rule.id: {str(language): name_rule(standard, rule.id, language) for language in LANGUAGES}
             for rule in standard.rules if rule.title or rule.id not in METRICS}
    return {
        "levels": {tier.id: dict(tier.title) for tier in standard.tiers},
        "badges": {badge.id: dict(badge.title) for badge in standard.badges},
        "rules": rules,
    }


def _say_value(value: float | None, language: Language) -> str:
    """A share in per cent, anything above one as a number."""
    if value is None:
        return ""
    shown = f"{value:.2%}" if value <= 1 else f"{value:.2f}"
    shown = shown.replace(".00", "")
    return shown.replace(".", ",").replace("%", "\u202f%") if language == "fr" else shown


def _say_counted(reason: Mapping[str, Any], language: Language, *, bracketed: bool) -> str:
    if reason.get("base") is None:
        return ""
    said = f"{reason.get('bad', 0)} {'of' if language == 'en' else 'sur'} {reason['base']}"
    return f" ({said})" if bracketed else said


def _say_asked(reason: Mapping[str, Any], standard: Standard, language: Language) -> str:
    rule = next((rule for rule in standard.rules if rule.id == reason.get("metric")), None)
    if not isinstance(rule, Rule) or rule.kept_when is None:
        return ""
    said = say_condition(rule.kept_when, language, lambda name: name.replace("_", " "))
    return f" Asked: {said.replace(' %', '%')}." if language == "en" else f" Demandé : {said}."


def _say_found(found: object, language: Language) -> str:
    try:
        number = Fraction(str(found))
    except ValueError:
        return "–" if found is None else str(found)
    return str(number) if number.denominator == 1 else _say_value(float(number), language)
