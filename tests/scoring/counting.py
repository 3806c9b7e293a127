"""Counting a history with the product's own fold and spans, for comparison with the second method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operator_qos.ledger.derive import build_book
from operator_qos.ledger.values import nearest_rank
from scoring.dossier import Frame, fold, visible_events
from scoring.events import TypedEvent, moment_ms, read_event
from scoring.metrics import GROUP_CODES, METRICS
from scoring.outcomes import Outcome, list_outcomes
from scoring.spans import standing_at, trace
from scoring.windows import day_end_ms, window_start_ms

NOW_MS = moment_ms("2035-01-01T00:00:00Z")


@dataclass(frozen=True)
class Counted:
    """bad, base and, for times, median and p90."""

    bad: int
    base: int
    median: int | None = None
    p90: int | None = None


def read_all(history: Sequence[Mapping[str, Any]]) -> list[TypedEvent]:
    """The typed events, the first of each identity."""
    seen: dict[tuple[str, str], TypedEvent] = {}
    for document in history:
        typed = read_event(document, now_ms=NOW_MS)
        seen.setdefault((typed.source, typed.id), typed)
    return list(seen.values())


def instant(text: str, zone: str) -> int:
    """A date is its end in the zone [epoch ms]."""
    from datetime import date

    return day_end_ms(date.fromisoformat(text), zone) if len(text) == 10 else moment_ms(text)


def frame_of(events: Sequence[TypedEvent], zone: str, *, known_ms: int | None = None) -> Frame:
    """The frame of one shop from its own events."""
    about_shop = [e for e in events if e.type.startswith("shop.") or e.type == "event.retracted"]
    own_zone = next((e.data["timezone"] for e in sorted(about_shop, key=lambda e: (e.at_ms, e.source, e.id))
                     if e.type == "shop.opened" and "timezone" in e.data), zone)
    kept = [e for e in about_shop if known_ms is None or e.at_ms < known_ms]
    return Frame(zone, build_book(kept, own_zone))


def outcomes_at(events: Sequence[TypedEvent], zone: str, *, as_of_ms: int, known_ms: int) -> list[Outcome]:
    """By folding what is visible at (T, K)."""
    dossier = fold(visible_events(events, as_of_ms, known_ms), frame_of(events, zone, known_ms=known_ms))
    return list_outcomes(dossier, as_of_ms=as_of_ms, known_at_ms=known_ms)


def span_outcomes_at(events: Sequence[TypedEvent], zone: str, *, as_of_ms: int) -> list[Outcome]:
    """By the spans of the whole history, for K = T."""
    return standing_at(trace(events, frame_of(events, zone)).spans, as_of_ms)


def count(outcomes: Sequence[Outcome], metric_id: str, *, start_ms: int, as_of_ms: int, official: bool) -> Counted:
    """One metric over a window."""
    metric = METRICS[metric_id]
    rows = [
        o for o in outcomes
        if o.group == GROUP_CODES[metric.group] and start_ms <= o.anchor_ms < as_of_ms
        and (o.official_base if official else o.base) & metric.flag
    ]
    if metric.kind == "share":
        return Counted(sum(1 for o in rows if (o.official_bad if official else o.bad) & metric.flag), len(rows))
    amounts = sorted(o.amount for o in rows)
    if metric.kind == "mean" or not amounts:
        return Counted(sum(amounts), len(amounts))
    return Counted(sum(amounts), len(amounts), nearest_rank(amounts, 0.5), nearest_rank(amounts, 0.9))


def start_of(as_of_ms: int, zone: str, days: int) -> int:
    """B of the window [epoch ms]."""
    return window_start_ms(as_of_ms, zone, days=days)
