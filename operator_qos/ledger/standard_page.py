"""The standard in plain words: what is measured, over how long, against which limit, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from operator_qos import words
from operator_qos.i18n import gettext, ngettext
from scoring.metrics import METRICS
from scoring.standards import MetricRule, Standard, title_in


@dataclass(frozen=True)
class RuleLine:
    """One judged metric in words."""

    metric: str
    name: str
    explanation: str
    limit: str
    window: str
    clock: str
    causes: tuple[str, ...]


@dataclass(frozen=True)
class StandardPage:
    """A standard as people read it."""

    title: str
    version: int
    effective_from: date
    rules: tuple[RuleLine, ...]
    judging: tuple[str, ...]
    levels: tuple[tuple[str, str, str], ...]  # id, name, what it takes
    badges: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def _window(rule: MetricRule) -> str:
    days = words.days_phrase(rule.window_days)
    texts = {
        "placed": gettext("Orders placed in the last %(days)s", days=days),
        "ship": gettext("Orders to be shipped in the last %(days)s", days=days),
        "deliver": gettext("Orders to be delivered in the last %(days)s", days=days),
        "turn": gettext("Questions asked in the last %(days)s", days=days),
        "case": gettext("Problems opened in the last %(days)s", days=days),
    }
    return str(texts.get(METRICS[rule.metric].group) or gettext("The last %(days)s", days=days))


def _clock(rule: MetricRule) -> str:
    if rule.working_hours is None:
        return ""
    return str(
        ngettext(
            "%(n)s opening hour of the shop is allowed.",
            "%(n)s opening hours of the shop are allowed.",
            rule.working_hours,
            n=words.count(rule.working_hours),
        )
    )


def _rule_line(rule: MetricRule) -> RuleLine:
    return RuleLine(
        metric=rule.metric,
        name=str(words.metric_name(rule.metric)),
        explanation=str(words.metric_explanation(rule.metric)),
        limit=words.limit_phrase(float(rule.limit), rule.higher_is_better),
        window=_window(rule),
        clock=_clock(rule),
        causes=tuple(str(words.defect_name(kind)) for kind in rule.defect_kinds),
    )


def _judging(standard: Standard) -> tuple[str, ...]:
    evidence = standard.evidence
    days = words.days_phrase(standard.get_level("below").breached_apart_days or 0)
    said = (
        gettext("Every day is judged once, %(n)s hours after it ends.", n=standard.settle_hours),
        gettext(
            "Kept: the limit is kept. Watch: it is passed, but so few orders could be chance. "
            "Breached: passed beyond chance, with at least %(bad)s failures of at least %(buyers)s buyers.",
            bad=evidence.min_bad,
            buyers=evidence.min_buyers,
        ),
        gettext(
            "With fewer than %(base)s counted there is not enough data, unless a breach is sure already.",
            base=evidence.min_base,
        ),
        gettext(
            "What was forgiven, for a stated cause, leaves the official figure; the raw figure shows it."
        ),
        gettext("Two breaches of one metric, %(days)s apart or more, lead below the standard.", days=days),
    )
    return tuple(str(sentence) for sentence in said)


def _levels(standard: Standard) -> tuple[tuple[str, str, str], ...]:
    top, below = standard.get_level("top"), standard.get_level("below")
    takes = {
        "top": gettext(
            "Every judged metric is kept, with at least %(orders)s orders in %(days)s.",
            orders=top.min_orders or 0,
            days=words.days_phrase(top.orders_window_days or 0),
        ),
        "in_standard": gettext("Everybody else, new shops too."),
        "below": gettext(
            "The same metric was breached twice, %(days)s apart or more. It ends with the warning.",
            days=words.days_phrase(below.breached_apart_days or 0),
        ),
    }
    return tuple(
        (level.id, str(words.level_name(level.id)), str(takes[level.id])) for level in standard.levels
    )


def _badges(standard: Standard) -> tuple[tuple[str, str], ...]:
    found = []
    for badge in standard.badges:
        if badge.metric is None:
            takes = gettext("Goes with the level “%(level)s”.", level=words.level_name(badge.level))
        else:
            takes = gettext(
                "%(metric)s kept, with at least %(base)s counted.",
                metric=words.metric_name(badge.metric),
                base=badge.min_base or 0,
            )
            if badge.keeps is not None:
                takes += " " + gettext("Whoever has it keeps it down to %(base)s.", base=badge.kept_base or 0)
        found.append((str(words.badge_name(badge.id)), str(takes)))
    return tuple(found)


def _warnings(standard: Standard) -> tuple[str, ...]:
    terms = standard.warnings
    said = (
        gettext("The first warning comes with the first breach of a metric."),
        gettext(
            "The second comes when it is still breached %(days)s later.",
            days=words.days_phrase(terms.second_after_days),
        ),
        gettext("Both end after %(days)s without a breach.", days=words.days_phrase(terms.end_after_days)),
    )
    return tuple(str(sentence) for sentence in said)


def build_standard(standard: Standard, language: str) -> StandardPage:
    """The page, in that language."""
    return StandardPage(
        title=title_in(standard.title, language),
        version=standard.version,
        effective_from=standard.effective_from,
        rules=tuple(_rule_line(rule) for rule in standard.rules),
        judging=_judging(standard),
        levels=_levels(standard),
        badges=_badges(standard),
        warnings=_warnings(standard),
    )
