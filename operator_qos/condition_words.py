"""What a condition of a standard looked at, asked and found, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from operator_qos import formats
from operator_qos.i18n import find_language, gettext, set_french_spaces
from operator_qos.i18n import lazy_gettext as _
from operator_qos.metric_words import Words

PARTS: Mapping[str, Words] = {
    "value": _("the result"),
    "bad": _("the number of failures"),
    "base": _("the number counted"),
    "buyers": _("the number of buyers behind the failures"),
    "verdict": _("the verdict"),
    "grade": _("the grade"),
    "in_a_row": _("the breaches in a row"),
    "breach_span_days": _("the days between its breaches"),
    "warning": _("the warning"),
    "strikes": _("the strikes"),
    "points": _("the points"),
    "tier": _("the level"),
    "tier_days": _("the days in the level"),
    "age_days": _("the age of the shop in days"),
    "badge": _("the badge"),
    "country": _("the country"),
    "category": _("the category"),
}


def say_subject(key: str, metric: str) -> str:
    """A name of a condition: "the breaches in a row (Late shipments)"; `metric` is what its first part is called."""
    first, _dot, last = key.partition(".")
    about = metric or first.replace("_", " ")
    if first in {"strikes", "badge"} and last:
        return f"{PARTS[first]} ({last.replace('_', ' ')})"
    if last:
        return f"{PARTS.get(last, last.replace('_', ' '))} ({about})"
    return str(PARTS.get(first, about))


def say_asked(asks: str) -> str:
    """A bound as the reader writes it: ">= 2.5%" in English, ">= 2,5 %" in French; a text as it stands."""
    if asks in {"yes", "no"}:
        return _say_flag(asks)
    if asks[:1] not in "<>=≤≥" or not asks:
        return asks
    return set_french_spaces(asks.replace(".", ",")) if find_language() == "fr" else asks.replace(" %", "%")


def say_found(found: str, asks: str) -> str:
    """What was found: an exact number to two digits, in per cent where that is asked; "nothing" for nothing known."""
    if found in {"yes", "no"}:
        return _say_flag(found)
    try:
        number = Fraction(found)
    except ValueError:
        return found or str(gettext("nothing"))
    if asks.endswith("%"):
        return formats.format_rate(float(number), find_language())
    if number.denominator == 1:
        return formats.format_count(int(number), find_language())
    return formats.format_number(float(number), find_language(), digits=2)


def _say_flag(flag: str) -> str:
    return str(gettext("yes") if flag == "yes" else gettext("no"))
