"""Generated histories for a standard: units of all it counts, with ties, gaps, parts, exclusions and quiet shops."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from scoring.standards import Standard

START = date(2024, 9, 2)
DAYS = 430
DAY_MS = 86_400_000
ANCHORS = ("ordered", "paid", "ship_by", "deliver_by", "answer_by", "parcel_due", "opened", "reviewed", "violated",
           "received", "shipped")
CAUSES = ("", "", "", "", "buyer_request", "site_fault", "no_reply_needed", "national_carrier_strike", "fake_order")
Row = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Rows and shops as plain dictionaries."""

    rows: tuple[Row, ...]
    shops: tuple[Row, ...]

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The same as DataFrames."""
        return pd.DataFrame(self.rows), pd.DataFrame(self.shops)


def build_world(standard: Standard, *, shops: int = 6, seed: int = 7, per_day: float = 0.5) -> World:
    """Histories of some shops over more than 400 days; shops differ in volume and in how much goes wrong."""
    rng = random.Random(f"{standard.id}-{seed}")
    lines = [_shop(standard, number, rng) for number in range(shops)]
    kinds = sorted({(f.metric, f.unit or "") for f in (*standard.figures, *standard.rules) if f.metric})
    rows = [row for line in lines for kind in kinds for row in _units(standard, line, kind, rng, per_day)]
    return World(tuple(rows), tuple(lines))


def _shop(standard: Standard, number: int, rng: random.Random) -> Row:
    return {
        "shop": f"s{number}",
        "country": ("US", "IN", "PH", "FR")[number % 4],
        "category": ("fashion", "books")[number // 2 % 2],
        "price_band": "low",
        "programme": ("", "prime", "lazmall", "lazmall")[number % 4],
        "fulfilment": "seller",
        "region": ("US", "UK")[number % 2],
        "opened_on": (None, START - timedelta(days=400), START + timedelta(days=100))[number % 3],
        "immune_until": START + timedelta(days=150) if number % 5 == 4 else None,
        "volume": (0.0, 3.0, 1.0, 0.4, 1.5, 1.0)[number % 6],
        "trouble": (0.1, 0.02, 0.15, 0.3, 0.0, 0.6)[rng.randrange(6)],
    }


def _units(standard: Standard, shop: Row, kind: tuple[str, str], rng: random.Random, per_day: float) -> Iterator[Row]:
    chance = shop["volume"] * per_day
    trouble = shop["trouble"]
    for number in range(DAYS):
        if number % 90 == 0:
            trouble = rng.choice([0.0, 0.0, 0.03, shop["trouble"], 0.5])
        count = int(chance) + (rng.random() < chance % 1)
        for unit in range(count):
            for part in range(1 + (rng.random() < 0.15)):
                yield _row(standard, shop, kind, rng, ref=f"{shop['shop']}-{number}-{unit}", day=number + part,
                           trouble=trouble)


def _row(standard: Standard, shop: Row, kind: tuple[str, str], rng: random.Random, *, ref: str, day: int,
         trouble: float) -> Row:
    metric, unit = kind
    noon = datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=day)
    # Whole hours, so that units of a shop often share their moment.
    at_ms = int(noon.timestamp()) * 1000 + rng.randrange(24) * 3_600_000
    bad = rng.random() < trouble
    row: Row = {
        "shop": shop["shop"], "metric": metric, "unit": unit, "unit_ref": rng.choice([ref, ref, ref, None]),
        "anchor_ms": at_ms, "base": int(rng.random() < 0.95), "bad": int(bad), "amount": _amount(metric, bad, rng),
        "quantity": rng.choice([1, 1, 1, 2, 10]), "value_minor": rng.choice([500, 999, 1000, 4900, 25000]),
        "buyer": rng.choice([f"b{rng.randrange(40)}", f"b{rng.randrange(40)}", None]),
        "excluded": rng.choice([""] * 20 + ["bad", "base", "both"]), "cause": rng.choice(CAUSES),
        "listing": rng.choice(["x", "y"]), "category": rng.choice(["fashion", "books", "toys"]),
        "country": shop["country"], "region": shop["region"], "fulfilment": "seller",
        "scheme": rng.choice(["", "", "", "letter", "uncovered", "automated"]),
        "fault": rng.choice(["seller", "platform"]), "kind": rng.choice(["", "spam", "buyer_says_late"]),
        "severity": rng.choice(["low", "high", "critical", "medium"]),
        "business": rng.random() < 0.5, "tracked": rng.random() < 0.8, "automatic": rng.random() < 0.2,
    }
    row |= {f"{anchor}_ms": _anchor(at_ms, rng) for anchor in ANCHORS}
    return row


def _anchor(at_ms: int, rng: random.Random) -> int | None:
    """An anchor some days on; some are not known."""
    return None if rng.random() < 0.03 else at_ms + rng.randrange(0, 5) * DAY_MS


def _amount(metric: str, bad: bool, rng: random.Random) -> int | None:
    if rng.random() < 0.05:
        return None
    if "rating" in metric:
        return rng.choice([1, 3, 3]) if bad else rng.choice([4, 5, 5, 5, 8, 9])
    if "score" in metric:
        return rng.choice([0, -500]) if bad else rng.choice([100, 110])
    if "violation" in metric:
        return rng.choice([1, 2, 10])
    return rng.choice([86_400, 90_000, 200_000]) if bad else rng.choice([600, 7_200, 43_200, 43_201, 72_000])
