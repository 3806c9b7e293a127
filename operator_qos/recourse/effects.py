"""What a decision on an appeal does: units stop counting, changes fall, dates are judged again, acts are undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.acts import queries as acts
from operator_qos.acts.service import refuse_acts, undo_acts
from operator_qos.clock import to_ms
from operator_qos.events.service import ingest_events
from operator_qos.exclusions.rules import describe_thing
from operator_qos.recourse import queries
from operator_qos.recourse.models import Appeal
from operator_qos.recourse.queries import ChangeFacts
from operator_qos.recourse.restating import Restated, list_differences, restate_shop
from operator_qos.recourse.rules import OUTCOMES, AppealRefused
from operator_qos.standing import service as standings
from operator_qos.standing.queries import StandingRow, find_standing
from scoring.acts import ActState, Moved
from scoring.dossier import Name
from scoring.events import iso
from scoring.ladder import is_lower
from scoring.plans import Pardon
from scoring.standards import Standard

SOURCE = "/operator-qos/appeals"
PARDONED = ("level_changed", "badge_withdrawn", "warning_given")


@dataclass(frozen=True)
class Ruling:
    """A decision: the outcome, the reasons, which changes fall, and which things do not count (bad or both)."""

    outcome: str
    reasons: str
    change_ids: Sequence[int] = ()
    things: Sequence[Name] = ()
    scope: str = "both"

    def require_whole(self, change_id: int | None, act_id: int | None) -> None:
        """Raises AppealRefused for an outcome that does not go with what falls."""
        if self.outcome not in OUTCOMES or self.scope not in {"bad", "both"}:
            raise AppealRefused("unknown", "outcome", "is none of " + ", ".join(OUTCOMES))
        if self.outcome == "upheld" and (self.change_ids or self.things):
            raise AppealRefused("nothing_falls", "outcome", "upheld: nothing falls, and everything counts")
        if self.outcome == "partly" and not (self.change_ids or self.things):
            raise AppealRefused("name_what_falls", "outcome", "partly: name what falls, or what does not count")
        if self.outcome == "reversed" and change_id is not None and act_id is None and not (
                self.change_ids or self.things):
            raise AppealRefused("name_what_falls", "outcome", "reversed: name what falls, or what does not count")


@dataclass(frozen=True)
class Effects:
    """What a decision did: events that forgive, dates judged again, changes that fell, acts undone."""

    excluded: int = 0
    restated: int = 0
    fallen: Sequence[int] = ()
    restored: Sequence[str] = ()
    undone: Sequence[int] = ()

    def to_plain(self) -> dict[str, Any]:
        """For a step and the audit trail."""
        return {"excluded": self.excluded, "restated": self.restated, "fallen": list(self.fallen),
                "restored": list(self.restored), "undone": list(self.undone)}


def apply_ruling(session: Session, row: Appeal, ruling: Ruling, *, actor: str, now: datetime) -> Effects:
    """Carry a decision out. Does not commit."""
    if ruling.outcome == "upheld":
        return Effects()
    excluded = _exclude(session, row, ruling, actor=actor, now=now)
    named = queries.list_change_facts(session, row.shop_id, ruling.change_ids)
    if len(named) != len(set(ruling.change_ids)):
        raise AppealRefused("missing", "change_ids", "names a change that is none of this shop")
    restated = _restate(session, row, named, now=now) if named or ruling.things else None
    fallen = sorted({change.id for change in named} | set(restated.fallen if restated is not None else ()))
    wanted = [row.act_id] if row.act_id is not None and ruling.outcome == "reversed" else []
    before = find_standing(session, row.shop_id)
    undone = _undo(session, row, fallen, wanted, actor=actor, now=now)
    restored = _restore(session, row, restated, before, now=now) if restated is not None else []
    count = queries.count_restated(session, row.id)
    return Effects(excluded, count, tuple(fallen), tuple(restored), tuple(undone))


def _exclude(session: Session, row: Appeal, ruling: Ruling, *, actor: str, now: datetime) -> int:
    """An event for each thing that does not count; returns how many are new."""
    shop = queries.get_shop(session, row.shop_id)
    documents = [
        {"specversion": "1.0", "source": SOURCE, "id": f"{row.id}:{':'.join(name)}",
         "type": "qos.obligation.excluded", "time": iso(to_ms(now) // 1000 * 1000), "subject": name[-1],
         "marketplace": shop.marketplace_id, "shop": shop.code,
         "data": {**describe_thing(name), "scope": ruling.scope, "cause": "appeal",
                  "proof": f"Appeal {row.id}: {ruling.reasons}"[:2_000], "by": actor[:80]}}
        for name in ruling.things
    ]
    receipts = ingest_events(session, documents, now=now, origin="appeals") if documents else []
    wrong = next((receipt for receipt in receipts if receipt.status in {"quarantined", "conflict"}), None)
    if wrong is not None:
        raise AppealRefused("not_recorded", "things", f"{wrong.id}: {wrong.field}: {wrong.reason}")
    return sum(receipt.status == "accepted" for receipt in receipts)


def _restate(session: Session, row: Appeal, named: Sequence[ChangeFacts], *, now: datetime) -> Restated:
    """Judge again from the first date that the decision touches."""
    pardons = [Pardon(Moved(change.kind, change.metric, change.before, change.after).subject, change.on_date)
               for change in named if change.kind in PARDONED]
    since_on = min([change.on_date for change in named], default=row.contested_on)
    return restate_shop(session, appeal_id=row.id, shop_id=row.shop_id, since_on=since_on, pardons=pardons, now=now)


def _undo(  # of which appeal, what falls
    session: Session, row: Appeal, fallen: Sequence[int], act_ids: Sequence[int], *, actor: str, now: datetime
) -> list[int]:
    """Take the acts back that rest on what fell; those still held are refused. Returns their ids."""
    found = acts.list_acts(session, change_ids=fallen) if fallen else []
    found += [acts.get_act(session, act_id) for act_id in act_ids]
    why = f"Decided on appeal {row.id}."
    live = sorted({act.id for act in found if act.is_live})
    held = sorted({act.id for act in found if act.state == ActState.HELD})
    refused = refuse_acts(session, act_ids=held, why=why, actor=actor, now=now) if held else []
    return sorted({*(undo_acts(session, act_ids=live, why=why, actor=actor, now=now) if live else ()), *refused})


def _restore(
    session: Session, row: Appeal, restated: Restated, before: StandingRow | None, *, now: datetime
) -> list[str]:
    """Make the restated end the shop's standing, with a change for each difference; what changed, by kind."""
    again = restated.standing
    if again is None or before is None or restated.last_on is None or before.decided_on != restated.last_on:
        return []
    standard = queries.get_standard(session, row.shop_id, restated.last_on)
    again = protect(again, before.as_decided(), standard)
    reason = {"code": "restored_on_appeal", "appeal": row.id}
    changes = list_differences(before, again, reason=reason, since_on=restated.last_on)
    standings.store_standings(session, [again])
    # What was undone or refused stays as it was by itself now; what others hold back stays held.
    gone = {Moved(change.kind, change.metric, change.before, change.after).subject for change in changes}
    standings.hold_back(session, row.shop_id, [one for one in before.list_held() if one.subject not in gone])
    effective_at = queries.get_effective_at(session, row)
    run_id = queries.find_run_id(session, row.shop_id, restated.last_on)
    if run_id is not None:
        standings.append_restored(session, changes, run_id=run_id, standing=again, effective_at=effective_at, now=now)
    return [change.kind for change in changes]


def protect(again: StandingRow, before: StandingRow, standard: Standard) -> StandingRow:
    """The restated standing where it is better, the present one where that is: nobody loses by contesting."""
    keeps = is_lower(again.level, before.level, standard)
    warned = {str(episode["metric"]): int(episode["warning"]) for episode in before.episodes}
    episodes = [one for one in again.episodes if int(one["warning"]) <= warned.get(str(one["metric"]), 0)]
    return replace(
        again, level=before.level if keeps else again.level, since_on=before.since_on if keeps else again.since_on,
        badges=sorted({*again.badges, *before.badges}), episodes=episodes,
        warning=max((int(episode["warning"]) for episode in episodes), default=0))
