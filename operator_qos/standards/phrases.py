"""Conditions, windows and measures of the language of standards in the reader's words."""

from __future__ import annotations

from collections.abc import Sequence

from operator_qos import words
from operator_qos.i18n import find_language, gettext, set_french_spaces
from operator_qos.i18n import lazy_gettext as _
from scoring.metrics import METRICS
from scoring.standards import Figure, Standard, Window, Windows, title_in
from scoring.standards.conditions import Among, Compare, Condition, Flag, Group, Known, Not, OverRules

OPERATORS = {
    "<": _("%(what)s is below %(bound)s"), "<=": _("%(what)s is at most %(bound)s"),
    ">": _("%(what)s is above %(bound)s"), ">=": _("%(what)s is at least %(bound)s"),
    "=": _("%(what)s is exactly %(bound)s"),
}
NAMES = {
    "value": _("the result"), "bad": _("the number of failures"), "base": _("the number counted"),
    "buyers": _("the number of buyers behind the failures"), "verdict": _("the verdict"), "grade": _("the grade"),
    "tier": _("the level"), "tier_days": _("the days in the level"), "points": _("the points"),
    "age_days": _("the age of the shop in days"), "in_a_row": _("the breaches in a row"),
    "breach_span_days": _("the days between its breaches"), "warning": _("the warning"), "season": _("the season"),
    "amount": _("the value of the unit"), "cause": _("the cause"), "country": _("the country"),
    "category": _("the category"), "fulfilment": _("the fulfilment"), "channel": _("the channel"),
    "seller_tier": _("the seller’s tier"), "region": _("the region"), "marketplace": _("the marketplace"),
    "kind": _("the kind"), "carrier": _("the carrier"), "fault": _("the fault"), "severity": _("the severity"),
}
MEASURES = {
    "share": _("Share of failures"), "share_of_good": _("Share without failure"), "mean": _("Mean"),
    "median": _("Median"), "percentile": _("Percentile"), "count": _("Number"), "count_bad": _("Number of failures"),
    "total_amount": _("Total"), "total_value": _("Total value"), "streak": _("Failures in a row up to the last"),
    "longest_streak": _("Most failures in a row"), "distinct_buyers": _("Buyers behind the failures"),
}
PERIODS = {
    "iso_week": (_("the last %(n)s full weeks"), _("this week up to the day")),
    "month": (_("the last %(n)s full months"), _("this month up to the day")),
    "quarter": (_("the last %(n)s full quarters"), _("this quarter up to the day")),
    "half_year": (_("the last %(n)s full half-years"), _("this half-year up to the day")),
    "year": (_("the last %(n)s full years"), _("this year up to the day")),
}
EVERY = {
    "day": _("Every day is judged."), "week": _("Every week is judged."), "month": _("Every month is judged."),
    "quarter": _("Every quarter is judged."),
}


def read_language() -> str:
    """The reader's language."""
    return find_language()


def name_part(part: Figure) -> str:
    """A figure or rule by its title, else by the name of its metric, else by its id made readable."""
    if part.title:
        return title_in(part.title, read_language())
    if part.metric in METRICS and part.metric == part.id:
        return str(words.metric_name(part.metric))
    return part.id.replace("_", " ").capitalize()


def say_bound(text: str) -> str:
    """The number of a comparison as the reader writes it: "2%" in English, "2 %" and "2,5 %" in French."""
    number = text.split(" ", 1)[1]
    if read_language() == "fr":
        return set_french_spaces(number.replace(".", ","))
    return number.replace(" %", "%")


def say_condition(condition: Condition | None, standard: Standard) -> str:
    """A condition as a clause without a capital or a full stop; empty for none."""
    match condition:
        case None:
            return ""
        case Compare():
            what = name_key(condition.key, standard)
            return str(OPERATORS[condition.operator]) % {"what": what, "bound": say_bound(condition.text)}
        case Group():
            joint = gettext(" and ") if condition.kind == "all" else gettext(" or ")
            return joint.join(_inside(part, standard) for part in condition.parts)
        case _:
            return _say_other(condition, standard)


def _say_other(condition: Condition, standard: Standard) -> str:
    match condition:
        case Among():
            return _say_among(condition, standard)
        case Flag():
            text = _("it is %(what)s") if condition.wanted else _("it is not %(what)s")
            return str(text) % {"what": condition.key.replace("_", " ")}
        case Known():
            text = _("%(what)s is known") if condition.known else _("%(what)s is not known")
            return str(text) % {"what": name_key(condition.key, standard)}
        case Not():
            return gettext("it is not so that %(clause)s", clause=_inside(condition.part, standard))
        case OverRules():
            clause = say_condition(condition.part, standard)
            if condition.kind == "every":
                return gettext("for every rule, %(clause)s", clause=clause)
            return gettext("for some rule, %(clause)s", clause=clause)
    raise TypeError(f"{condition!r} is no condition")


def _inside(part: Condition, standard: Standard) -> str:
    said = say_condition(part, standard)
    return f"({said})" if isinstance(part, Group) else said


def _say_among(condition: Among, standard: Standard) -> str:
    key = condition.key.rpartition(".")[2]
    titles = {tier.id: title_in(tier.title, read_language()) for tier in standard.tiers}
    if key == "verdict":
        named = [str(words.verdict_name(value)) for value in condition.values]
    else:
        named = [titles.get(value, value.replace("_", " ")) if key == "tier" else value for value in condition.values]
    return gettext("%(what)s is %(values)s", what=name_key(condition.key, standard), values=join_or(named))


def join_or(texts: Sequence[str]) -> str:
    """ "a, b or c"."""
    if len(texts) < 2:
        return "".join(texts)
    return gettext("%(first)s or %(last)s", first=", ".join(texts[:-1]), last=texts[-1])


def name_key(key: str, standard: Standard) -> str:
    """What a name of a condition stands for."""
    known = NAMES.get(key)
    if known is not None:
        return str(known)
    name, _dot, part = key.partition(".")
    parts = {figure.id: figure for figure in (*standard.figures, *standard.rules)}
    shown = name_part(parts[name]) if name in parts else (part or name).replace("_", " ")
    if not part or name not in parts:
        return gettext("“%(name)s”", name=shown)
    return gettext("%(part)s of “%(name)s”", part=str(NAMES.get(part, part)), name=shown)


def say_window(window: Window | Windows | None) -> str:
    """Over which dates something is counted; empty for a figure made of others."""
    if window is None:
        return ""
    return _say_dates(window) if isinstance(window, Window) else _say_several(window)


def _say_several(windows: Windows) -> str:
    match windows.kind:
        case "by_volume" if windows.by_volume:
            choice = windows.by_volume
            return gettext(
                "%(many)s with at least %(n)s counted over %(over)s, else %(few)s", many=_say_dates(choice.then),
                few=_say_dates(choice.otherwise), n=choice.at_least, over=_say_dates(choice.count_in))
        case "all":
            return gettext("each of: %(windows)s", windows=_list(windows.all))
        case "any":
            return gettext("any of: %(windows)s", windows=_list(windows.any))
        case "one":
            return _list((windows.one,) if windows.one else ())
        case _:
            return gettext("failures over %(bad)s, against what is counted over %(base)s",
                           bad=_list((windows.bad,) if windows.bad else ()),
                           base=_list((windows.base,) if windows.base else ()))


def _list(windows: Sequence[Window] | None) -> str:
    return "; ".join(_say_dates(window) for window in windows or ())


def _say_dates(window: Window) -> str:
    said = _say_span(window)
    if not window.with_today:
        said = gettext("%(window)s, without the day itself", window=said)
    if window.latest:
        said = gettext("the last %(n)s of %(window)s", n=window.latest, window=said)
    if window.first:
        said = gettext("the first %(n)s of %(window)s", n=window.first, window=said)
    if window.after_first:
        said = gettext("all but the first %(n)s of %(window)s", n=window.after_first, window=said)
    return gettext("%(window)s, a day ending at %(at)s", window=said, at=window.ends_at) if window.ends_at else said


def _say_span(window: Window) -> str:
    match window.kind:
        case "days":
            return gettext("the last %(days)s", days=words.days_phrase(window.days or 0))
        case "days_back":
            first, last = window.days_back or (0, 0)
            return gettext("the days from %(first)s to %(last)s days before", first=first, last=last)
        case "months":
            return gettext("the last %(n)s months to the day", n=window.months)
        case "full":
            return str(PERIODS[str(window.full)][0]) % {"n": window.count or 1}
        case "current":
            return str(PERIODS[str(window.current)][1])
        case _:
            return gettext("all time")
