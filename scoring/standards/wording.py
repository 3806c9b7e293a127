"""Conditions and windows in plain English and French, for people who never see YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from scoring.standards.conditions import Among, Compare, Condition, Flag, Group, Known, Not, OverRules
from scoring.standards.windowing import Window, Windows

Language = Literal["en", "fr"]
NameOf = Callable[[str], str]

BOUNDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"<": "below {}", "<=": "at most {}", ">": "above {}", ">=": "at least {}", "=": "exactly {}"},
    "fr": {"<": "moins de {}", "<=": "au plus {}", ">": "plus de {}", ">=": "au moins {}", "=": "exactement {}"},
}
WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"and": " and ", "or": " or ", "not": "not ({})", "every": "for every rule: {}", "some": "for some rule: {}",
           "yes": "yes", "no": "no", "given": "known", "missing": "not known", "between": "{} {}", "is": "{}: {}"},
    "fr": {"and": " et ", "or": " ou ", "not": "pas ({})", "every": "pour chaque règle : {}",
           "some": "pour une règle : {}", "yes": "oui", "no": "non", "given": "connu", "missing": "inconnu",
           "between": "{} {}", "is": "{} : {}"},
}
PERIODS: Mapping[Language, Mapping[str, tuple[str, str]]] = {
    "en": {"iso_week": ("week", "weeks"), "month": ("month", "months"), "quarter": ("quarter", "quarters"),
           "half_year": ("half-year", "half-years"), "year": ("year", "years")},
    "fr": {"iso_week": ("semaine", "semaines"), "month": ("mois", "mois"), "quarter": ("trimestre", "trimestres"),
           "half_year": ("semestre", "semestres"), "year": ("année", "années")},
}
WINDOWS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "days": "the last {} days", "yesterday": "the {} days up to yesterday", "days_back": "from {} to {} days ago",
        "months": "the last {} months", "full": "the last {} whole {}", "current": "the current {} so far",
        "since": "since the beginning", "latest": "{}, the latest {} only", "first": "{}, the first {} only",
        "after_first": "{}, after the first {}", "ends_at": "{}, days ending at {}", "all": " and ", "any": " or ",
        "by_volume": "{} with {} or more in {}, else {}", "pair": "{}, against 1/{} of {}",
    },
    "fr": {
        "days": "les {} derniers jours", "yesterday": "les {} jours jusqu’à hier",
        "days_back": "d’il y a {} à {} jours", "months": "les {} derniers mois",
        "full": "les {} derniers {} complets", "current": "{} en cours",
        "since": "depuis le début", "latest": "{}, les {} derniers seulement", "first": "{}, les {} premiers seulement",
        "after_first": "{}, après les {} premiers", "ends_at": "{}, journées closes à {}", "all": " et ", "any": " ou ",
        "by_volume": "{} à partir de {} sur {}, sinon {}", "pair": "{}, rapporté à 1/{} de {}",
    },
}


def say_condition(condition: Condition, language: Language, name_of: NameOf = str) -> str:
    """A condition in words; ``name_of`` gives the name people know for a figure, rule or attribute."""
    words = WORDS[language]

    def say(part: Condition) -> str:
        text = say_condition(part, language, name_of)
        return f"({text})" if isinstance(part, Group) else text

    match condition:
        case Group():
            return words["and" if condition.kind == "all" else "or"].join(say(part) for part in condition.parts)
        case Not():
            return words["not"].format(say_condition(condition.part, language, name_of))
        case OverRules():
            return words[condition.kind].format(say_condition(condition.part, language, name_of))
        case _:
            return _say_test(condition, language, name_of)


def _say_test(test: Compare | Among | Flag | Known, language: Language, name_of: NameOf) -> str:
    words = WORDS[language]
    match test:
        case Compare():
            said = BOUNDS[language][test.operator].format(_localise(test.text.split(" ", 1)[1], language))
            return said if test.key == "value" else words["is"].format(name_of(test.key), said)
        case Among():
            said = words["or"].join(name_of(value) for value in test.values)
        case Flag():
            said = words["yes" if test.wanted else "no"]
        case Known():
            said = words["given" if test.known else "missing"]
    return words["is"].format(name_of(test.key), said)


def _localise(bound: str, language: Language) -> str:
    if language == "en":
        return bound
    number, _, unit = bound.replace(".", ",").partition(" ")
    return f"{number} {'j' if unit == 'd' else unit}".strip()


def say_window(window: Window | Windows, language: Language) -> str:
    """A window in words."""
    words = WINDOWS[language]
    if isinstance(window, Window):
        return _say_one(window, language)
    if window.by_volume is not None:
        choice = window.by_volume
        said = [_say_one(each, language) for each in (choice.then, choice.count_in, choice.otherwise)]
        then, count_in, otherwise = said
        return words["by_volume"].format(then, choice.at_least, count_in, otherwise)
    if window.bad is not None and window.base is not None:
        return words["pair"].format(_say_one(window.bad, language), window.divided_by, _say_one(window.base, language))
    if window.one is not None:
        return _say_one(window.one, language)
    said = [_say_one(each, language) for each in window.all or window.any or ()]
    return words["all" if window.all else "any"].join(said)


def _say_one(window: Window, language: Language) -> str:
    said, words = _say_dates(window, language), WINDOWS[language]
    for kept in ("latest", "first", "after_first", "ends_at"):
        value = getattr(window, kept)
        said = said if value is None else words[kept].format(said, value)
    return said


def _say_dates(window: Window, language: Language) -> str:
    words = WINDOWS[language]
    match window.kind:
        case "days":
            return words["days" if window.with_today else "yesterday"].format(window.days)
        case "days_back":
            return words["days_back"].format(*(window.days_back or ()))
        case "months":
            return words["months"].format(window.months)
        case "full":
            count = window.count or 1
            return words["full"].format(count, PERIODS[language][window.full or "month"][count > 1])
        case "current":
            return words["current"].format(PERIODS[language][window.current or "month"][0])
        case _:
            return words["since"]
