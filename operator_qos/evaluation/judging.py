"""What every way of judging gives: dates with results and changes, and the standings after the last of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from operator_qos.clock import end_of_day_ms
from operator_qos.evaluation.queries import ShopRow
from operator_qos.evaluation.rules import ShopEvaluation
from operator_qos.standing.queries import StandingRow
from operator_qos.standing.service import Change
from scoring.standards import Standard

__all__ = ["Day", "Judge", "Place", "ShopRow", "Standing"]

Standing = StandingRow


@dataclass(frozen=True)
class Place:
    """The marketplace that is judged: its days end by its zone, or by that of the standard."""

    marketplace_id: str
    zone: str

    def end_ms(self, on: date) -> int:
        """T and K of a date [epoch ms]."""
        return end_of_day_ms(on, self.zone)


@dataclass(frozen=True)
class Day:
    """One date judged by one standard: T and K [epoch ms], each shop's results, what changed."""

    on: date
    as_of_ms: int
    standard: Standard
    shops: Sequence[ShopEvaluation]
    changes: Sequence[Change]


class Judge(Protocol):
    """Judges some shops by one standard, date after date."""

    standard: Standard

    def judge(self, dates: Sequence[date]) -> Iterator[Day]:
        """Each date in turn."""

    def judge_at(self, moments: Sequence[tuple[date, int]]) -> Iterator[Day]:
        """Dates, each as of a moment of its own [epoch ms]."""

    def list_pardons_left(self, shop_id: int) -> frozenset[str]:
        """What is still pardoned of a shop after the last date."""

    def list_decided(self) -> list[Standing]:
        """The standings that were decided, as they are after the last date."""
