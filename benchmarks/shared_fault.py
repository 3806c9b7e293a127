"""How often the search for shared faults errs and what it finds, on drawn weeks: `python -m benchmarks.shared_fault`.

Each marketplace: sellers whose own rates differ (a beta distribution, 4 % on average) and drift from week to week,
three carriers, six categories, two destinations; eight weeks before, one gap, one week looked at.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.common import report
from scoring.shared_fault import Rows, find_shared_faults

WEEKS = 300


@dataclass(frozen=True)
class Setting:
    """A marketplace drawn: `drift` [log units] of each seller's rate, `fault` the failing carrier's rate, 0: none."""

    sellers: int = 40
    daily_orders: float = 3.0
    drift: float = 0.3
    fault: float = 0.0
    share: float = 0.25  # of orders with the failing carrier


def draw(dice: np.random.Generator, setting: Setting) -> Rows:
    """Eight weeks and one more."""
    base0 = dice.poisson(setting.daily_orders * 56, setting.sellers)
    base1 = dice.poisson(setting.daily_orders * 7, setting.sellers)
    seller = np.repeat(np.arange(setting.sellers), base0 + base1)
    recent = np.concatenate([np.arange(a + b) >= a for a, b in zip(base0, base1, strict=True)])
    rest = (1 - setting.share) / 2
    carrier = dice.choice(3, seller.size, p=(setting.share, rest, rest)).astype(np.int64)
    own = dice.beta(2, 48, setting.sellers)
    now = np.minimum(own * np.exp(dice.normal(0, setting.drift, setting.sellers)), 1)
    rate = np.where(recent, now[seller], own[seller])
    rate = np.where(recent & (carrier == 0), np.maximum(rate, setting.fault), rate)
    groups = {"marketplace": np.zeros(seller.size, dtype=np.int64), "carrier": carrier,
              "country": (dice.random(seller.size) < 0.05).astype(np.int64),
              "category": dice.integers(0, 6, seller.size)}
    return Rows(seller, recent, dice.random(seller.size) < rate, groups)


def measure(setting: Setting, weeks: int) -> None:
    """One line: in how many weeks something, and the right thing alone, was found."""
    dice, start = np.random.default_rng(20260618), time.process_time()
    found = [[(f.dimension, f.group) for f in find_shared_faults(draw(dice, setting))] for _ in range(weeks)]
    right = sum(faults == [("carrier", 0)] for faults in found)
    report("shared_fault", **vars(setting), weeks=weeks, found=sum(map(bool, found)), right=right,
           ms_per_search=round(1000 * (time.process_time() - start) / weeks, 1))


def main(weeks: int = WEEKS) -> None:
    """Weeks without a fault, then with one of growing size."""
    plain = Setting()
    for quiet in (plain, replace(plain, drift=0.6), replace(plain, daily_orders=1.0, drift=0.6), Setting(sellers=200)):
        measure(quiet, weeks)
    for fault in (0.1, 0.15, 0.2, 0.3, 0.5):
        measure(replace(plain, fault=fault), weeks // 5)
    measure(Setting(sellers=20, fault=0.5), weeks // 5)
    measure(Setting(fault=0.3, share=0.1), weeks // 5)
    measure(Setting(sellers=200, fault=0.2, share=0.1), weeks // 5)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else WEEKS)
