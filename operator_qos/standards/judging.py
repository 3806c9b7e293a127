"""For the author of a standard: can each limit be judged at this marketplace's volumes, and how often does it err?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy.orm import Session

from operator_qos.ledger.volumes import read_daily_bases
from scoring.judgeability import Judgeability, JudgedLimit, SimulatedMarketplace, judge_volume, simulate_marketplace
from scoring.metrics import METRICS
from scoring.standards import Rule, Standard, Window

JUDGED_DAYS, LONGEST_WINDOW, MOST_SHOPS, SEED = 180, 400, 300, 1
EVERY_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 90}
SIZES = (("small", 0.25), ("typical", 0.5), ("large", 0.9))


@dataclass(frozen=True)
class SizeCheck:
    """What a limit can say of a shop of one size: small, typical or large among those that sell."""

    size: str
    judged: Judgeability


@dataclass(frozen=True)
class RuleCheck:
    """One rule at the volumes of all shops; `reason` is why it could not be worked out: inactive, kind, limit, window,
    unmeasured, or empty. `at_limit` and `beyond` are shops on the limit and at three times it."""

    rule: Rule
    reason: str = ""
    window_days: int = 0
    shops: int = 0
    sampled: int = 0
    sizes: tuple[SizeCheck, ...] = ()
    simulated: SimulatedMarketplace | None = None

    @property
    def accused_share(self) -> float:
        """The share of shops exactly on the limit that chance alone would have breached."""
        return self.simulated.rates[0].breached_share if self.simulated else 0.0

    @property
    def found_share(self) -> float:
        """The share of shops at three times the limit that would have been found."""
        return self.simulated.rates[1].breached_share if self.simulated else 0.0

    @property
    def found_after_days(self) -> float | None:
        """After how many days half of those found are."""
        return self.simulated.rates[1].median_day if self.simulated else None


def check_rules(session: Session, standard: Standard, *, until: date) -> list[RuleCheck]:
    """Every rule against what shops did up to and including a date."""
    return [_check(session, standard, rule, until) for rule in standard.rules]


def _check(session: Session, standard: Standard, rule: Rule, until: date) -> RuleCheck:
    reason = _find_obstacle(rule)
    if reason:
        return RuleCheck(rule, reason)
    days = rule.window_days
    daily, shops = read_daily_bases(
        session, str(rule.metric), until=until, days=days + JUDGED_DAYS, most_shops=MOST_SHOPS)
    if not shops:
        return RuleCheck(rule, "empty", days)
    limit = _read_limit(standard, rule)
    bases = np.sort(daily[:, -days:].sum(axis=1))
    sizes = tuple(SizeCheck(name, judge_volume(int(bases[int(part * (len(bases) - 1))]), limit))
                  for name, part in SIZES)
    share = float(limit.bad_limit)
    found = simulate_marketplace(
        daily, limit, window_days=days, seed=SEED, rates=(share, min(1.0, 3 * share)),
        every_days=EVERY_DAYS[(rule.evaluated or standard.evaluated).every])
    return RuleCheck(rule, "", days, shops, len(daily), sizes, found)


def _find_obstacle(rule: Rule) -> str:
    """Why nothing can be worked out for a rule; empty when it can."""
    metric = METRICS.get(str(rule.metric))
    if not rule.is_active:
        return "inactive"
    if rule.parts or metric is None:
        return "unmeasured"
    if metric.kind != "share" or rule.measure not in {"share", "share_of_good"}:
        return "kind"
    if not isinstance(rule.window, Window) or rule.window.days is None or rule.window.days > LONGEST_WINDOW:
        return "window"
    try:
        return "" if 0 < rule.bad_limit < 1 else "limit"
    except ValueError:
        return "limit"


def _read_limit(standard: Standard, rule: Rule) -> JudgedLimit:
    by_evidence = (rule.judged_by or standard.judged_by) == "evidence"
    return JudgedLimit(rule.bad_limit, (rule.evidence or standard.evidence) if by_evidence else None)
