"""From the changes an official run decided to acts: guards first, then what goes ahead and what waits for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.acts.carrying import end_acts, go_ahead, let_go, list_family, settle_mirrors, show_in_force
from operator_qos.acts.models import Act
from operator_qos.acts.queries import list_lights_by_shop
from operator_qos.standards.binding import get_shipped_standard
from operator_qos.standards.queries import UnknownVersionError, get_version
from operator_qos.standing.queries import ChangeRow, list_held_changes, list_new_changes, list_standings
from operator_qos.standing.service import mark_changes
from scoring.acts import ActPlan, ActState, Following, Moved, follow, join
from scoring.guards import CAPS, Caps
from scoring.standards import Standard

TWO_PEOPLE: Mapping[str, Any] = {"guard": "two_people"}


@dataclass(frozen=True)
class RunFacts:
    """The run the changes come from: shops judged, and whether it took history over that nobody was told of."""

    marketplace_id: str
    shops: int
    takes_over: bool = False
    caps: Caps = CAPS


@dataclass(frozen=True)
class Followed:
    """What is told otherwise or not at all, by shop and subject: stated with reasons, held, or gone while it was held.

    ``before`` holds how things were in force before, where that is not what the rules said before.
    """

    untold: frozenset[tuple[int, str]] = frozenset()
    before: Mapping[tuple[int, str], str | None] = field(default_factory=dict)
    acts: int = 0


@dataclass
class _Case:
    """The changes of one subject of one shop, as one, with what follows and why it waits."""

    rows: list[ChangeRow]
    move: Moved
    following: Following
    was_held: bool
    holds: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> ChangeRow:
        return self.rows[-1]


def follow_changes(session: Session, run: RunFacts, *, now: datetime) -> Followed:
    """Make the acts of every change of a marketplace that has none yet. Does not commit."""
    grouped = _group(list_new_changes(session, run.marketplace_id))
    # History that was taken over had its effects when it happened; what came and went just now never had any.
    gone = "in_force" if run.takes_over else "dropped"
    cases = _list_cases(session, grouped, gone, now=now)
    _set_holds(session, cases, run, now=now)
    made = [(case, *_make(case, now=now)) for case in cases]
    session.add_all(mirror for _, mirror, _ in made)
    session.flush()
    for _, mirror, brought in made:
        for act in brought:
            act.parent_id = mirror.id
        session.add_all(brought)
    session.flush()
    _place(session, cases)
    settle_mirrors(session, [mirror for case, mirror, _ in made if not case.holds], now=now)
    go_ahead(session, [act for case, mirror, brought in made if not case.holds
                       for act in (mirror, *brought) if not act.holds], now=now)
    count = sum(1 + len(brought) for _, _, brought in made)
    stated = {(case.last.shop_id, case.move.subject) for case, mirror, _ in made if mirror.statement_id is not None}
    if run.takes_over:  # what was long ago decided is no news, whatever it led to
        return Followed(frozenset(stated), acts=count)
    ahead = {(case.last.shop_id, case.move.subject): case.move.before for case in cases if not case.holds}
    return Followed(frozenset((grouped.keys() - ahead.keys()) | stated), ahead, count)


def to_moved(row: ChangeRow) -> Moved:
    """A change as the rules of acts see it."""
    part = next((str(reason["part"]) for reason in row.reasons if reason.get("part")), "")
    return Moved(row.kind, row.metric, row.before, row.after, part)


def _group(rows: Sequence[ChangeRow]) -> dict[tuple[int, str], list[ChangeRow]]:
    grouped: dict[tuple[int, str], list[ChangeRow]] = {}
    for row in rows:
        grouped.setdefault((row.shop_id, to_moved(row).subject), []).append(row)
    return grouped


def _list_cases(
    session: Session, grouped: Mapping[tuple[int, str], Sequence[ChangeRow]], gone: str, *, now: datetime
) -> list[_Case]:
    """The new changes by shop and subject, joined with what is held back of the same subject."""
    standings = list_standings(session, sorted({shop_id for shop_id, _ in grouped}))
    standards = _Standards(session)
    cases: list[_Case] = []
    for (shop_id, subject), mine in grouped.items():
        moves = [to_moved(row) for row in mine]
        known = standings.get(shop_id)
        back = next((b for b in known.list_held() if b.subject == subject), None) if known is not None else None
        if back is not None:
            moves[0] = replace(moves[0], before=back.before)
            _drop_waiting(session, shop_id, subject, now=now)
        joined = join(moves)
        if joined is None:  # it came and went again: nothing ever took effect
            earlier = [row.id for row in list_held_changes(session, shop_id) if to_moved(row).subject == subject]
            mark_changes(session, [*earlier, *(row.id for row in mine)], state=gone)
            let_go(session, shop_id, {subject})
            continue
        following = follow(joined, standards.get(mine[-1]))
        cases.append(_Case(list(mine), joined, following, was_held=back is not None))
    return cases


def _drop_waiting(session: Session, shop_id: int, subject: str, *, now: datetime) -> None:
    """What waited on a subject is overtaken by what is decided now."""
    waiting = session.scalars(
        select(Act.id).where(Act.shop_id == shop_id, Act.subject == subject, Act.state == ActState.HELD)).all()
    end_acts(session, list_family(session, waiting), now=now)


def _set_holds(session: Session, cases: Sequence[_Case], run: RunFacts, *, now: datetime) -> None:
    """Say of each case that takes something away why it has to wait, if it has to."""
    adverse = [case for case in cases if case.following.mirror.is_adverse
               or any(act.is_adverse for act in case.following.brought)]
    if not adverse or run.takes_over:
        return
    shop_ids = sorted({case.last.shop_id for case in adverse})
    lights = list_lights_by_shop(session, run.marketplace_id, shop_ids, now=now)
    counts = Counter(case.following.mirror.kind for case in adverse)
    for case in adverse:
        kind = case.following.mirror.kind
        case.holds += [{"guard": "feed", **_plain(asdict(light))} for light in lights[case.last.shop_id]]
        if not run.caps.allows(counts[kind], run.shops):
            case.holds.append({"guard": "cap", "category": kind, "acts": counts[kind], "shops": run.shops})


def _make(case: _Case, *, now: datetime) -> tuple[Act, list[Act]]:
    mirror = _to_act(case, case.following.mirror, case.holds, now=now)
    mirror.ends = case.following.ends
    brought = [_to_act(case, plan, [*case.holds, *([TWO_PEOPLE] if plan.needs_two else [])], now=now)
               for plan in case.following.brought]
    return mirror, brought


def _to_act(case: _Case, plan: ActPlan, holds: Sequence[Mapping[str, Any]], *, now: datetime) -> Act:
    row = case.last
    begins = max(row.effective_at, now) if plan is not case.following.mirror else row.effective_at
    return Act(
        shop_id=row.shop_id, change_id=row.id, kind=plan.kind, subject=plan.subject, origin=plan.origin,
        before=plan.before, after=plan.after, scope=dict(plan.scope), is_adverse=plan.is_adverse,
        needs_two=plan.needs_two, state=ActState.HELD, holds=[dict(hold) for hold in holds],
        automated=True, decided_by="system", standard_id=row.standard_id, standard_version=row.standard_version,
        on_date=row.on_date, made_at=now, effective_at=begins,
        until_at=begins + timedelta(days=plan.days) if plan.days is not None else None)


def _place(session: Session, cases: Sequence[_Case]) -> None:
    """Say of the changes whether they hold, and keep the standings back where they do not."""
    states = {"held": [case for case in cases if case.holds], "in_force": [case for case in cases if not case.holds]}
    for state, concerned in states.items():
        mark_changes(session, [row.id for case in concerned for row in case.rows], state=state)
    for case in states["held"]:
        show_in_force(session, case.last.shop_id, subject=case.move.subject, before=case.move.before)
    for case in states["in_force"]:
        if case.was_held:
            release_changes(session, case.last.shop_id, case.move.subject)


def release_changes(session: Session, shop_id: int, subject: str) -> None:
    """Let what was held back of a subject hold."""
    held = [row.id for row in list_held_changes(session, shop_id) if to_moved(row).subject == subject]
    mark_changes(session, held, state="in_force")
    let_go(session, shop_id, {subject})


class _Standards:
    """The versions that decided, each read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, int], Standard] = {}

    def get(self, row: ChangeRow) -> Standard:
        """The version a change was decided by; of one that is not kept, the one that comes with the product."""
        key = (row.standard_id, row.standard_version)
        if key not in self._known:
            try:
                self._known[key] = get_version(self._session, *key).standard
            except UnknownVersionError:
                self._known[key] = get_shipped_standard()
        return self._known[key]


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in fields.items()}
