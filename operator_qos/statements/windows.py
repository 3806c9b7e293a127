"""The further windows of a rule that is judged over several, counted again for one shop."""

from __future__ import annotations

import math
from datetime import date, timedelta

from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms
from operator_qos.evaluation.course import Course, CourseShop
from operator_qos.evaluation.general import complete_rows
from operator_qos.evaluation.queries import load_wide_outcomes
from operator_qos.standards.binding import list_bindings
from operator_qos.statements.facts import Addressee, Over
from scoring.measures import EPOCH
from scoring.standards import Rule, Standard, Windows
from scoring.tallies import Tally

JUDGED_TOGETHER = frozenset({"all", "any"})


def is_judged_over_several(rule: Rule | None) -> bool:
    """Whether its limit looks at more than one window."""
    return rule is not None and isinstance(rule.window, Windows) and rule.window.kind in JUDGED_TOGETHER


def list_further_windows(
    session: Session, to: Addressee, standard: Standard, rule_id: str, *, on: date
) -> tuple[Over, ...]:
    """The judged windows after the first, of a shop that is judged as a whole; none of one judged in parts."""
    zone = standard.timezone or to.zone
    attributes = list_bindings(session, [to.shop_id])[to.shop_id].attributes_on(on)
    rows = load_wide_outcomes(
        session, [to.shop_id], standard=standard, first_on=on, until_ms=end_of_day_ms(on, zone))
    shop = CourseShop(to.shop_id, to.opened_ms, attributes)
    result = Course(standard, [shop], complete_rows(rows, standard), zone=zone).look(on).results[rule_id]
    if len(result.groups) != 1:
        return ()
    return tuple(_read(tally) for tally in result.tallies[1:])


def _read(tally: Tally) -> Over:
    """One window of the only group there is."""
    first = EPOCH + timedelta(days=int(tally.first[0])) if tally.first[0] > 0 else None
    value = float(tally.value.floats()[0])
    bad, base, raw_bad, raw_base = (int(getattr(tally, name)[0]) for name in ("bad", "base", "raw_bad", "raw_base"))
    last = EPOCH + timedelta(days=int(tally.end[0]) - 1)
    return Over(first, last, bad, base, raw_bad, raw_base, None if math.isnan(value) else value)
