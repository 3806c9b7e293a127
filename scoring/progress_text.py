"""The progress of each shop as plain values, ready for JSON, and back: what is kept between two evaluations.

A document says its ``form``. Levels and rules are named, days are ISO dates, so a later version of a standard goes on
where the earlier one stopped: what it does not name is forgotten, what is new to it begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from scoring.answers import Flags, Ints
from scoring.measures import EPOCH, day_number
from scoring.progress import NONE, Lasting, Progress, RuleRun, begin
from scoring.standards.decisions import Step
from scoring.standards.model import Standard

FORM = 1
Plain = Mapping[str, Any]


def write_progress(progress: Progress, standard: Standard) -> list[dict[str, Any]]:
    """One document per shop, or per standing where the standard gives several, in the order of the table."""
    tiers = progress.tier_ids(standard)
    return [
        {
            "form": FORM, "on": None if progress.on is None else progress.on.isoformat(), "tier": tiers[place],
            "tier_since": _iso(progress.tier_since[place]), "rising": int(progress.rising[place]),
            "falling": int(progress.falling[place]), **_write_histories(progress, place),
        }
        for place in range(len(tiers))
    ]


def drop_days(document: Plain, subject: str, days: Collection[date]) -> dict[str, Any]:
    """A document as if these days had given no strike, or taken no points, that it remembers.

    ``subject`` is ``strikes.ID``, or ``step:points:N`` for the happenings that lines of points count by the day; of
    any other the document is as it was. Counts, steps and balances follow at the next evaluation.
    """
    gone = {day.isoformat() for day in days}
    name = subject.removeprefix("strikes.")
    if subject.startswith("step:points:"):
        events = {line: [day for day in known if day not in gone] for line, known in document["events"].items()}
        return {**document, "events": events}
    if name not in document["strikes"]:
        return dict(document)
    left = [[day, count] for day, count in document["strikes"][name] if day not in gone]
    return {**document, "strikes": {**document["strikes"], name: left}}


def _write_histories(progress: Progress, place: int) -> dict[str, Any]:
    return {
        "rules": {name: _write_run(run, place) for name, run in progress.rules.items()},
        "strikes": {name: [[_iso(day), int(found[place])] for day, found in runs if found[place]]
                    for name, runs in progress.strikes.items()},
        "events": {name: [_iso(day) for day, found in runs if found[place]] for name, runs in progress.events.items()},
        "steps": {name: [[_iso(run.since[place]), bool(run.held[place])] for run in runs]
                  for name, runs in progress.steps.items()},
        "badges": {name: bool(held[place]) for name, held in progress.badges.items()},
        "points_micro": None if progress.balance is None else int(progress.balance[place]),
    }


def _write_run(run: RuleRun, place: int) -> dict[str, Any]:
    return {
        "in_a_row": int(run.in_a_row[place]), "first_breach": _iso(run.first_breach[place]),
        "last_breach": _iso(run.last_breach[place]), "warning": int(run.warning[place]), "ever": bool(run.ever[place]),
    }


def read_progress(documents: Sequence[Plain | None], standard: Standard) -> Progress:
    """What ``write_progress`` wrote, one entry per document; None is a shop never evaluated.

    It stands at the latest date of any. Raises ValueError for another form, KeyError for what is no such document.
    """
    kept = [document or {} for document in documents]
    odd = next((document["form"] for document in kept if document and document["form"] != FORM), None)
    if odd is not None:
        raise ValueError(f"form {odd!r} of a progress is not known; this version reads form {FORM}")
    start, known = begin(standard, len(kept)), np.array([bool(document) for document in kept], np.bool_)
    places = {tier.id: place for place, tier in enumerate(standard.tiers)}
    tier = np.array([places.get(document.get("tier") or "", NONE) for document in kept], np.int64)
    days = [date.fromisoformat(document["on"]) for document in kept if document and document["on"]]
    points = [document.get("points_micro") for document in kept]
    is_kept = standard.points is not None and any(value is not None for value in points)
    balance = np.array([value or 0 for value in points], np.int64) if is_kept else None
    return Progress(
        max(days, default=None), np.where(known, tier, start.tier),
        np.where(tier == NONE, NONE, _read_days(document.get("tier_since") for document in kept)),
        _read_numbers(kept, "rising"), _read_numbers(kept, "falling"), _read_rules(kept, standard),
        _read_strikes(kept, standard), _read_events(kept, standard), _read_steps(kept, standard),
        _read_badges(kept, standard), balance)


def _read_rules(kept: Sequence[Plain], standard: Standard) -> dict[str, RuleRun]:
    found = {}
    for rule in standard.rules:
        runs = _pick(kept, "rules", rule.id)
        if any(runs):
            found[rule.id] = RuleRun(
                _read_numbers(runs, "in_a_row"), _read_days(run.get("first_breach") for run in runs),
                _read_days(run.get("last_breach") for run in runs), _read_numbers(runs, "warning"),
                _read_flags(run.get("ever") for run in runs))
    return found


def _read_strikes(kept: Sequence[Plain], standard: Standard) -> dict[str, tuple[tuple[int, Ints], ...]]:
    found = {}
    for strikes in standard.strikes:
        runs = [{_number(day): count for day, count in entry} for entry in _pick(kept, "strikes", strikes.id)]
        found[strikes.id] = tuple(
            (day, np.array([run.get(day, 0) for run in runs], np.int64)) for day in _list_days(runs))
    return {name: runs for name, runs in found.items() if _is_told(kept, "strikes", name)}


def _read_events(kept: Sequence[Plain], standard: Standard) -> dict[str, tuple[tuple[int, Flags], ...]]:
    lines = standard.points.lines if standard.points else ()
    found = {}
    for line in lines:
        runs = [{_number(day) for day in entry} for entry in _pick(kept, "events", line.id)]
        found[line.id] = tuple(
            (day, np.array([day in run for run in runs], np.bool_)) for day in _list_days(runs))
    return {name: runs for name, runs in found.items() if _is_told(kept, "events", name)}


def _read_steps(kept: Sequence[Plain], standard: Standard) -> dict[str, tuple[Lasting, ...]]:
    """Steps are known by their number; those of a shop that has another number of them begin anew."""
    found = {}
    for name, steps in list_stepped(standard):
        if _is_told(kept, "steps", name):
            runs = [run if len(run) == len(steps) else [] for run in _pick(kept, "steps", name)]
            each = [[run[place] if run else (None, False) for run in runs] for place in range(len(steps))]
            found[name] = tuple(
                Lasting(_read_days(day for day, _ in run), _read_flags(held for _, held in run)) for run in each)
    return found


def list_stepped(standard: Standard) -> list[tuple[str, Sequence[Step]]]:
    """What has steps, with them: ``strikes.ID`` of each strikes, and ``points``."""
    found: list[tuple[str, Sequence[Step]]] = [(f"strikes.{strikes.id}", strikes.steps) for strikes in standard.strikes]
    return [*found, *([("points", standard.points.steps)] if standard.points else [])]


def _read_badges(kept: Sequence[Plain], standard: Standard) -> dict[str, Flags]:
    names = [badge.id for badge in standard.badges if _is_told(kept, "badges", badge.id)]
    return {name: _read_flags(document.get("badges", {}).get(name) for document in kept) for name in names}


def _pick(kept: Sequence[Plain], part: str, name: str) -> list[Any]:
    return [document.get(part, {}).get(name) or {} for document in kept]


def _is_told(kept: Sequence[Plain], part: str, name: str) -> bool:
    return any(name in document.get(part, {}) for document in kept)


def _list_days(runs: Iterable[Iterable[int]]) -> list[int]:
    return sorted({day for run in runs for day in run})


def _read_numbers(documents: Sequence[Plain], key: str) -> Ints:
    return np.array([document.get(key, 0) for document in documents], np.int64)


def _read_days(days: Iterable[str | None]) -> Ints:
    return np.array([NONE if day is None else _number(day) for day in days], np.int64)


def _read_flags(flags: Iterable[bool | None]) -> Flags:
    return np.array([bool(flag) for flag in flags], np.bool_)


def _number(day: str) -> int:
    return day_number(date.fromisoformat(day))


def _iso(day: int) -> str | None:
    return None if day == NONE else (EPOCH + timedelta(days=int(day))).isoformat()
