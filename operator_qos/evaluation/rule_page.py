"""One rule of a shop's standard: what was decided, over which dates, from which rows, and which it left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import to_ms
from operator_qos.evaluation import queries
from operator_qos.evaluation.bench import compares_with_peers, open_bench
from operator_qos.evaluation.general import name_result
from operator_qos.evaluation.narrowing import narrow_standard
from operator_qos.ledger.unit_queries import Forgiveness, list_dossiers, list_forgiveness
from operator_qos.sellers.queries import ShopCard
from operator_qos.standards.phrases import name_part, say_condition
from operator_qos.standards.values import say_value
from operator_qos.standards.wording import RuleWords, word_part
from operator_qos.standing.live import Live, LiveLine, find_live
from operator_qos.standing.queries import OfficialResult, find_standing, list_official_results
from scoring.answers import Texts
from scoring.behind import Behind, list_behind, list_exclusions
from scoring.evaluate import Evaluation
from scoring.measures import EPOCH
from scoring.metrics import GROUP_CODES
from scoring.outcome_rows import SOURCES
from scoring.plain import list_plain_rules
from scoring.standards import Standard
from scoring.standards.parts import Figure, Rule
from scoring.verdicts import VERDICTS, Verdict
from scoring.windows import local_day

STATES = ("against", "excluded", "in_order", "not_counted")


@dataclass(frozen=True)
class RuleLine:
    """A rule with what was last decided of it, and with what it is now; verdicts are None before they are known."""

    id: str
    name: str
    asked: str
    verdict: str | None
    value: str
    counted: str
    now_verdict: str | None = None
    now_value: str = ""
    now_counted: str = ""


@dataclass(frozen=True)
class RuleRow:
    """One unit in the window and how it counts, one of STATES; `reasons` say why it was left out."""

    unit: str
    order_ref: str | None
    anchor_ms: int
    state: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class RulePart:
    """A figure that a rule is made of, and its value on the date."""

    id: str
    name: str
    value: str


@dataclass(frozen=True)
class RulePage:
    """Everything on the page. `decided` is the official result of `on`, None while there was none."""

    standard: Standard
    rule: RuleWords
    on: date
    dates: tuple[date | None, date] | None
    verdict: str | None
    value: str
    raw_value: str
    clause: str
    decided: OfficialResult | None
    has_moved: bool
    parts: tuple[RulePart, ...]
    rows: tuple[RuleRow, ...]
    live: LiveLine | None = None
    live_ms: int | None = None
    live_value: str = ""

    def count(self, state: str) -> int:
        """How many rows count that way."""
        return sum(row.state == state for row in self.rows)


def list_rule_lines(
    session: Session, shop_id: int, standard: Standard, live: Live | None = None
) -> tuple[RuleLine, ...]:
    """The rules of a standard that are not plain, with what was last decided of the shop and what holds now."""
    plain = {rule.id for rule in list_plain_rules(standard)}
    rules = [rule for rule in standard.rules if rule.is_active and rule.id not in plain]
    if not rules:
        return ()
    results = list_official_results(session, shop_id)
    current = live.rules if live is not None else {}
    parts = sorted({name.partition("|")[2] for name in (*results, *current)}) or [""]
    named = [(rule, part, name_result(rule.id, part)) for rule in rules for part in parts]
    return tuple(
        _add_live(_to_line(rule, standard, part, results.get(name)), rule, current.get(name))
        for rule, part, name in named)


def _to_line(rule: Rule, standard: Standard, part: str, result: OfficialResult | None) -> RuleLine:
    name = f"{name_part(rule)} ({part})" if part else name_part(rule)
    asked = say_condition(rule.kept_when, standard) if rule.kept_when is not None else ""
    if result is None:
        return RuleLine(rule.id, name, asked, None, "–", "")
    return RuleLine(rule.id, name, asked, result.verdict, say_value(rule, result.value), _say_counted(rule, result))


def _add_live(line: RuleLine, rule: Rule, live: LiveLine | None) -> RuleLine:
    if live is None:
        return line
    return replace(line, now_verdict=live.verdict, now_value=say_value(rule, live.value),
                   now_counted=_say_counted(rule, live))


def _say_counted(rule: Rule, counts: OfficialResult | LiveLine) -> str:
    return words.counted_phrase(rule.metric, bad=counts.bad, base=counts.base) if counts.base else ""


def find_rule_page(
    session: Session, card: ShopCard, rule_id: str, *, now: datetime, is_projected: bool = False
) -> RulePage | None:
    """One rule as of the shop's last official date under its standard; as of today when there is none, or if asked.

    None for a rule the standard does not have.
    """
    marketplace = queries.get_marketplace(session, card.marketplace_id)
    bench = open_bench(session, marketplace, only=[card.id])
    standard = bench.bindings[card.id].at(now)
    rule = find_part(standard, rule_id)
    if rule is None:
        return None
    standing = find_standing(session, card.id)
    is_official = not is_projected and standing is not None and standing.decided_under(standard)
    on = standing.decided_on if standing and is_official else local_day(to_ms(now), bench.place(standard).zone)
    narrow = narrow_standard(standard, rule.id)
    if compares_with_peers(narrow):
        bench = open_bench(session, marketplace)
    course = bench.open_course(session, narrow, on, shop_id=card.id)
    evaluation = course.look(on)
    places = [place for place, (shop_id, _) in enumerate(course.there) if shop_id == card.id]
    seen = _Seen(evaluation, standard, rule, places)
    results = list_official_results(session, card.id, on=on) if is_official else {}
    page = seen.build(on, results.get(rule.id) or results.get(rule.metric))
    page = replace(page, rows=_add_reasons(session, card.id, rule, page.rows))
    return page if is_projected else _add_live_verdict(session, card.id, rule, page)


def _add_live_verdict(session: Session, shop_id: int, rule: Figure, page: RulePage) -> RulePage:
    """The page with what the rule says now, of one that is not plain."""
    live = find_live(session, shop_id, page.standard)
    line = live.rules.get(rule.id) if live is not None else None
    if live is None or line is None:
        return page
    return replace(page, live=line, live_ms=live.as_of_ms, live_value=say_value(rule, line.value))


def find_part(standard: Standard, name: str) -> Figure | None:
    """The active rule or figure of that id, else the active rule of that metric."""
    figure = next((figure for figure in standard.figures if figure.id == name and figure.is_active), None)
    rule = standard.find_rule(name)
    return rule if rule is not None and rule.is_active and (rule.id == name or figure is None) else figure


@dataclass(frozen=True)
class _Seen:
    """An evaluation looked at for one rule or figure and the standings of one shop."""

    evaluation: Evaluation
    standard: Standard
    rule: Figure
    places: Sequence[int]

    def build(self, on: date, decided: OfficialResult | None) -> RulePage:
        """The page as of a date."""
        standard, result = self.standard, self.evaluation.results[self.rule.id]
        mine = np.flatnonzero(np.isin(result.shop, self.places))
        rows = tuple(row for place in self.places for row in self._list_rows(place))
        verdict = decided.verdict if decided else self._find_verdict()
        now_bad, now_base = (int(result.count(name)[mine].sum()) for name in ("bad", "base"))
        said = say_value(self.rule, decided.value) if decided else _say_only(self.rule, result.value.floats(), mine)
        return RulePage(
            standard=standard, rule=word_part(self.rule, standard), on=on, dates=self._find_dates(mine),
            verdict=verdict, value=said, raw_value=_say_only(self.rule, result.raw_value.floats(), mine),
            clause=str(result.decided[mine[0]]) if len(mine) and result.judged else "", decided=decided,
            has_moved=decided is not None and (decided.bad, decided.base) != (now_bad, now_base),
            parts=self._list_parts(), rows=rows,
        )

    def _find_verdict(self) -> str | None:
        """The worst of the shop's standings; None for a figure, which nobody judges."""
        if not isinstance(self.rule, Rule):
            return None
        codes = [int(self.evaluation.verdicts(self.rule.id)[place]) for place in self.places]
        order = (Verdict.BREACHED, Verdict.WATCH, Verdict.KEPT, Verdict.NOT_ENOUGH_DATA, Verdict.EXEMPT)
        return str(min((VERDICTS[code] for code in codes), key=order.index, default=Verdict.NOT_ENOUGH_DATA))

    def _find_dates(self, mine: NDArray[np.intp]) -> tuple[date | None, date] | None:
        """The first and the last day of the judged window; None for what is made of others, or without a shop."""
        tallies = self.evaluation.results[self.rule.id].tallies
        if not tallies or not len(mine):
            return None
        first, end = int(tallies[0].first[mine[0]]), int(tallies[0].end[mine[0]])
        return (EPOCH + timedelta(days=first) if first > 0 else None), EPOCH + timedelta(days=end - 1)

    def _list_parts(self) -> tuple[RulePart, ...]:
        """The figures it is made of, with the value of each that the shop has one of."""
        found = []
        for name in self.rule.parts:
            result = self.evaluation.results.get(name)
            if result is not None:
                mine = np.flatnonzero(np.isin(result.shop, self.places))
                said = _say_only(result.figure, result.value.floats(), mine)
                found.append(RulePart(name, name_part(result.figure), said))
        return tuple(found)

    def _list_rows(self, place: int) -> Iterator[RuleRow]:
        """The units of the window, youngest first."""
        behind, rows = list_behind(self.evaluation, self.rule.id, place), self.evaluation.table.rows
        if not len(behind.row):
            return
        states = name_states(behind)
        left_out = list_exclusions(self.evaluation, self.rule.id, behind.row[states == "excluded"])
        orders = rows["order_ref"].reindex(behind.row) if "order_ref" in rows else pd.Series("", behind.row)
        units, orders = rows["unit_ref"].reindex(behind.row).astype(str), orders.fillna("").astype(str)
        columns = (behind.row, units, orders, behind.anchor_ms, states)
        for label, unit, order, anchor_ms, state in zip(*(column[::-1].tolist() for column in columns), strict=True):
            said = tuple(name.replace("_", " ") for name in left_out.get(label, ())) if state == "excluded" else ()
            yield RuleRow(unit, order or None, anchor_ms, state, said)


def _say_only(figure: Figure, values: NDArray[np.float64], mine: NDArray[np.intp]) -> str:
    """The value of a shop's one group; none of a shop that has several, or nothing to count."""
    value = float(values[mine[0]]) if len(mine) == 1 else float("nan")
    return say_value(figure, value if np.isfinite(value) else None)


def _add_reasons(session: Session, shop_id: int, rule: Figure, rows: Sequence[RuleRow]) -> tuple[RuleRow, ...]:
    """The rows with what people forgave of those left out."""
    anchors = [row.anchor_ms for row in rows if row.state == "excluded" and not row.reasons]
    if not anchors or rule.metric not in SOURCES:
        return tuple(rows)
    group = GROUP_CODES[SOURCES[rule.metric].group]
    forgiven = list_forgiveness(session, list_dossiers(session, shop_id, group_code=group, anchors_ms=anchors))
    return tuple(
        replace(row, reasons=tuple(str(words.cause_name(one.cause)) for one in _find_forgiven(row, forgiven)))
        if row.state == "excluded" and not row.reasons else row
        for row in rows)


def _find_forgiven(row: RuleRow, forgiven: Mapping[str, Sequence[Forgiveness]]) -> Sequence[Forgiveness]:
    return forgiven.get(row.unit) or forgiven.get(row.order_ref or "") or ()


def name_states(behind: Behind) -> Texts:
    """How each unit counts officially, one of STATES, given how it counts raw."""
    against = behind.base & behind.bad
    excluded = (behind.raw_base & ~behind.base) | (behind.raw_bad & ~behind.bad)
    return np.select([against, excluded, behind.base], STATES[:3], STATES[3]).astype(object)
