"""Which acts follow from a change of a standing, and which end with it. Pure.

A change is *mirrored* by an act of its own kind (level, badge, warning, strikes, step), and brings the acts that the
standard hangs on what was reached: those of a level, of a breached rule, of a step of strikes or points. They last
with their *origin*: ``tier:below``, ``rule:late_shipment_rate``, ``step:points:2``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from scoring.ladder import IntentKind
from scoring.standards import Standard
from scoring.standards.parts import Act

GRAVE = frozenset({"suspension", "termination"})  # these always take two people
KIND_BESIDE = frozenset({"notice", "badge", "review"})  # they take nothing away
MIRRORS = frozenset({"level", "badge", "warning", "strikes", "step"})
# What a person may decide by hand, in rising gravity.
BY_HAND = ("notice", "warning", "ranking", "order_cap", "listing_cap", "listing_hidden", "payout_delay", "suspension",
           "termination")


class ActState(StrEnum):
    """How far an act has got."""

    HELD = "held"  # waits for people
    PLANNED = "planned"  # decided and stated, not yet due
    ASKED = "asked"  # the marketplace was asked, and has not confirmed
    IN_FORCE = "in_force"
    FAILED = "failed"  # the marketplace could not be told, or refused
    ENDING = "ending"  # the marketplace was asked to end it
    ENDED = "ended"  # by itself: its time is over, or what it was for
    UNDONE = "undone"  # taken back by people, as if it had not been
    REFUSED = "refused"  # people said no
    DROPPED = "dropped"  # what it was for was over before it came into force


LIVE = frozenset({ActState.PLANNED, ActState.ASKED, ActState.IN_FORCE, ActState.FAILED})


@dataclass(frozen=True)
class Moved:
    """A change of a standing: its kind as in ``ladder.IntentKind``, ids or numbers before and after as text.

    ``part`` names the part of a shop that is judged by itself, empty for the whole shop.
    """

    kind: str
    metric: str | None
    before: str | None
    after: str | None
    part: str = ""

    @property
    def subject(self) -> str:
        """What it is about; two changes of one subject follow one another."""
        if self.kind == IntentKind.LEVEL_CHANGED:
            name = "level"
        elif self.kind.startswith("badge"):
            name = f"badge:{self.after or self.before}"
        elif self.kind.startswith("warning"):
            name = f"warning:{self.metric}"
        elif self.kind.startswith("step"):
            name = f"step:{self.metric}:{self.after or self.before}"
        else:
            name = str(self.metric)
        return f"{name}|{self.part}" if self.part else name


@dataclass(frozen=True)
class ActPlan:
    """An act to be: ``days`` is how long it lasts at most, None as long as its origin."""

    kind: str
    subject: str
    origin: str
    before: str | None
    after: str | None
    is_adverse: bool
    scope: Mapping[str, Any] = field(default_factory=dict)
    days: int | None = None

    @property
    def needs_two(self) -> bool:
        """Whether two different people must approve it."""
        return self.kind in GRAVE


@dataclass(frozen=True)
class Following:
    """What follows from one change: the act that mirrors it, those it brings, and the origin whose acts end."""

    mirror: ActPlan
    brought: tuple[ActPlan, ...]
    ends: str


def join(moves: Sequence[Moved]) -> Moved | None:
    """Several changes of one subject, in their order, as one; None when they lead back to where they began.

    Raises ValueError for none, or for changes of different subjects.
    """
    if len({move.subject for move in moves}) != 1:
        raise ValueError("join: give the changes of one subject")
    first, last = moves[0], moves[-1]
    joined = replace(last, before=first.before)
    return None if joined.before == joined.after else joined


def follow(move: Moved, standard: Standard) -> Following:
    """What follows from a change under a standard. Ids the standard does not have bring nothing."""
    brought = tuple(_plan(act, origin, move.part) for origin, act in _list_brought(move, standard))
    mirror = ActPlan(_mirror_kind(move), move.subject, _origin(move, move.after), move.before, move.after,
                     _is_worse(move, standard, brought))
    return Following(mirror, brought, _origin(move, move.before))


def _mirror_kind(move: Moved) -> str:
    return "strikes" if move.kind.startswith("strikes") else move.kind.partition("_")[0]


def _origin(move: Moved, side: str | None) -> str:
    """What acts of one side of a change last with; empty for a side that brings none."""
    if move.kind == IntentKind.LEVEL_CHANGED:
        name = f"tier:{side}" if side else ""
    elif move.kind.startswith("warning"):
        name = f"rule:{move.metric}" if side not in {None, "0"} else ""
    elif move.kind.startswith("step"):
        name = f"step:{move.metric}:{side}" if side else ""
    else:
        name = ""
    return f"{name}|{move.part}" if name and move.part else name


def _list_brought(move: Moved, standard: Standard) -> Iterable[tuple[str, Act]]:
    origin = _origin(move, move.after)
    if not origin or origin == _origin(move, move.before):
        return  # nothing new was reached: a second warning of the same rule brings its acts no second time
    acts: Sequence[Act] = ()
    if move.kind == IntentKind.LEVEL_CHANGED:
        acts = next((tier.acts for tier in standard.tiers if tier.id == move.after), ())
    elif move.kind.startswith("warning"):
        acts = next((rule.acts for rule in standard.rules if rule.id == move.metric), ())
    else:
        steps = _list_steps(str(move.metric), standard)
        place = int(str(move.after)) - 1
        acts = steps[place].acts if 0 <= place < len(steps) else ()
    yield from ((origin, act) for act in acts)


def _list_steps(name: str, standard: Standard) -> Sequence[Any]:
    if name == "points":
        return standard.points.steps if standard.points is not None else ()
    return next((strikes.steps for strikes in standard.strikes if f"strikes.{strikes.id}" == name), ())


def _plan(act: Act, origin: str, part: str) -> ActPlan:
    scope: dict[str, Any] = {"scope": act.scope}
    scope |= {name: str(value) for name in ("share", "cap", "cap_share", "note")
              if (value := getattr(act, name)) is not None}
    if part:
        scope["part"] = part
    subject = act.kind if act.scope == "shop" else f"{act.kind}:{act.scope}"
    return ActPlan(act.kind, f"{subject}|{part}" if part else subject, origin, None, None,
                   act.kind not in KIND_BESIDE, scope, act.days)


def _is_worse(move: Moved, standard: Standard, brought: Sequence[ActPlan]) -> bool:
    if move.kind == IntentKind.LEVEL_CHANGED:
        places = {tier.id: place for place, tier in enumerate(standard.tiers)}
        before, after = places.get(move.before or ""), places.get(move.after or "")
        if before is None or after is None:
            return any(act.is_adverse for act in brought)
        return after > before
    if move.kind.startswith("badge"):
        return move.after is None
    if move.kind.startswith("step"):
        return move.after is not None and any(act.is_adverse for act in brought)
    return _number(move.after) > _number(move.before)


def _number(text: str | None) -> int:
    return int(text) if text else 0
