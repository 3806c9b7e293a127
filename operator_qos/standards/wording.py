"""A whole standard in the reader's words: every rule as sentences with its window, limit and source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from operator_qos import words
from operator_qos.i18n import gettext
from operator_qos.standards.clock_words import say_promise
from operator_qos.standards.phrases import (
    EVERY,
    MEASURES,
    join_or,
    name_key,
    name_part,
    read_language,
    say_bound,
    say_condition,
    say_window,
)
from scoring.metrics import METRICS
from scoring.scopes import SCOPE_FIELDS
from scoring.standards import Figure, Rule, Standard, title_in
from scoring.standards.conditions import Compare
from scoring.standards.decisions import Badge, Tier


@dataclass(frozen=True)
class RuleWords:
    """A rule or figure in words; `sources` are texts or addresses."""

    id: str
    name: str
    measured: str
    window: str
    sentences: tuple[str, ...]
    sources: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True)
class StandardWords:
    """A standard in words."""

    title: str
    version: int
    effective_from: date
    scope: tuple[str, ...]
    judging: tuple[str, ...]
    rules: tuple[RuleWords, ...]
    figures: tuple[RuleWords, ...]
    levels: tuple[tuple[str, str, str], ...]
    badges: tuple[tuple[str, str], ...]
    following: tuple[str, ...]
    notes: tuple[str, ...]


def word_standard(standard: Standard) -> StandardWords:
    """The whole standard in the reader's language."""
    language = read_language()
    return StandardWords(
        title=title_in(standard.title, language),
        version=standard.version,
        effective_from=standard.effective_from,
        scope=tuple(_say_scope(standard)),
        judging=tuple(_say_judging(standard)),
        rules=tuple(word_part(rule, standard) for rule in standard.rules),
        figures=tuple(word_part(figure, standard) for figure in standard.figures),
        levels=tuple((tier.id, title_in(tier.title, language), _say_tier(tier, standard)) for tier in standard.tiers),
        badges=tuple((title_in(badge.title, language), _say_badge(badge, standard)) for badge in standard.badges),
        following=tuple(_say_following(standard)),
        notes=standard.notes,
    )


def word_part(part: Figure, standard: Standard) -> RuleWords:
    """One figure or rule in sentences."""
    known = dict(standard.sources)
    codes = dict.fromkeys(code for _, code in (part.source or ()))
    sources = tuple(known.get(code, code) for code in codes)
    return RuleWords(part.id, name_part(part), _say_measure(part), capital(say_window(part.window)),
                     tuple(_say_part(part, standard)), sources, part.is_active)


def name_levels(*standards: Standard) -> dict[str, str]:
    """What the levels of standards are called, by their ids; the first that names one gives it its name.

    A standard without levels has two: every rule kept, or one breached.
    """
    names = {"not_rated": str(words.level_name(None)), "kept": gettext("Every rule kept"),
             "breached": gettext("A rule breached")}
    for standard in reversed(standards):
        names |= {tier.id: title_in(tier.title, read_language()) for tier in standard.tiers}
    return names


def name_rules(*standards: Standard) -> dict[str, str]:
    """What the rules of standards are called, by their ids."""
    return {rule.id: name_part(rule) for standard in reversed(standards) for rule in standard.rules}


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text as a sentence."""
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def _say_measure(part: Figure) -> str:
    if part.parts:
        return gettext("Made of: %(parts)s", parts=", ".join(name.replace("_", " ") for name in part.parts))
    told = str(words.metric_explanation(part.metric)) if part.metric in METRICS else ""
    return told or str(MEASURES[part.measure])


def _say_part(part: Figure, standard: Standard) -> Iterator[str]:
    if isinstance(part, Rule):
        yield from _say_limits(part, standard)
    if part.count_when is not None:
        yield sentence(gettext("counted only when %(clause)s", clause=say_condition(part.count_when, standard)))
    if part.bad_when is not None:
        yield sentence(gettext("a failure when %(clause)s", clause=say_condition(part.bad_when, standard)))
    yield from say_promise(part, standard)
    if part.defect_kinds:
        yield sentence(gettext("what counts: %(kinds)s",
                               kinds=", ".join(str(words.defect_name(kind)) for kind in part.defect_kinds)))
    if part.per is not None:
        yield sentence(gettext("judged apart for each: %(what)s", what=name_key(part.per, standard)))
    if part.maturity_days:
        yield sentence(gettext("not final for %(days)s", days=words.days_phrase(part.maturity_days)))
    if not part.is_active:
        yield sentence(gettext("nobody has confirmed it; it is switched off"))


def _say_limits(rule: Rule, standard: Standard) -> Iterator[str]:
    for case in rule.cases:
        where = say_condition(case.where, standard)
        if case.kept_when is not None:
            kept = say_condition(case.kept_when, standard)
            text = gettext("kept when %(clause)s", clause=kept)
            yield sentence(gettext("where %(where)s: %(limit)s", where=where, limit=text) if where else text)
        if case.watch_when is not None:
            watch = gettext("to be watched when %(clause)s", clause=say_condition(case.watch_when, standard))
            yield sentence(gettext("where %(where)s: %(limit)s", where=where, limit=watch) if where else watch)
    if rule.judged_when is not None:
        yield sentence(gettext("judged only when %(clause)s", clause=say_condition(rule.judged_when, standard)))
    if rule.exempt_when is not None:
        yield sentence(gettext("exempt when %(clause)s", clause=say_condition(rule.exempt_when, standard)))
    for grade in rule.grades:
        clause = say_condition(grade.when, standard) or gettext("nothing before holds")
        yield sentence(gettext("grade “%(grade)s” when %(clause)s", grade=grade.id, clause=clause))
    if rule.trial_until is not None:
        yield sentence(gettext("on trial until %(day)s: it decides nothing before", day=rule.trial_until))


def _say_scope(standard: Standard) -> Iterator[str]:
    for name in SCOPE_FIELDS:
        values = getattr(standard.scope, name)
        if values:
            yield sentence(f"{name_key(name, standard)}{gettext(': ')}{join_or(values)}")
    if not any(getattr(standard.scope, name) for name in SCOPE_FIELDS):
        yield gettext("It binds every shop.")


def _say_judging(standard: Standard) -> Iterator[str]:
    yield str(EVERY[standard.evaluated.every])
    if standard.judged_by == "evidence":
        evidence = standard.evidence
        yield gettext(
            "A limit counts as breached only beyond chance: with at least %(bad)s failures of at least %(buyers)s "
            "buyers, and from %(base)s counted on.", bad=evidence.min_bad, buyers=evidence.min_buyers,
            base=evidence.min_base)
    else:
        yield gettext("The result itself decides, as it stands on the day.")
    for item in standard.exclusions:
        where = say_condition(item.where, standard) or item.id.replace("_", " ")
        yield sentence(gettext("left out when %(clause)s", clause=where))


def _say_tier(tier: Tier, standard: Standard) -> str:
    said = [sentence(say_condition(tier.needs, standard)) if tier.needs else gettext("Everybody else.")]
    if tier.keeps is not None:
        said.append(sentence(gettext("kept while %(clause)s", clause=say_condition(tier.keeps, standard))))
    if tier.stay_days:
        said.append(sentence(gettext("held for %(days)s at least", days=words.days_phrase(tier.stay_days))))
    return " ".join(said)


def _say_badge(badge: Badge, standard: Standard) -> str:
    said = [sentence(say_condition(badge.needs, standard))]
    if badge.keeps is not None:
        said.append(sentence(gettext("kept while %(clause)s", clause=say_condition(badge.keeps, standard))))
    return " ".join(said)


def _say_following(standard: Standard) -> Iterator[str]:
    for number, days in enumerate(standard.warnings.after_days, 1):
        shown = words.days_phrase(days)
        later = gettext(
            "Warning %(n)s: %(days)s after the first breach, when it is still breached.", n=number, days=shown)
        yield later if days else gettext("Warning %(n)s: at the first breach.", n=number)
    ending = words.days_phrase(standard.warnings.end_after_days)
    yield gettext("Warnings end after %(days)s without a breach.", days=ending)
    for strike in standard.strikes:
        yield gettext("A strike, for %(days)s, when %(clause)s.", days=words.days_phrase(strike.last_days),
                      clause=say_condition(strike.when, standard))
        for step in strike.steps:
            if isinstance(step.when, Compare):
                acts = ", ".join(act.kind.replace("_", " ") for act in step.acts)
                yield gettext("With %(count)s strikes: %(acts)s.", count=say_bound(step.when.text), acts=acts)
    if standard.points is not None:
        yield gettext("An account of points starts at %(start)s.", start=standard.points.start)
