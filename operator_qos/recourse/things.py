"""The promises and defects behind the units that counted against a shop: what a decision may take out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.exclusions.effects import list_counted_kinds
from operator_qos.ledger.models import OutcomeRow, TurnFact
from operator_qos.recourse.queries import ChangeFacts
from scoring.dossier import Name
from scoring.metrics import GROUP_CODES, METRICS
from scoring.standards import Standard

# Which promise the units of a metric's group are about; those of placed orders are about defects.
PROMISES: Mapping[str, str] = {
    "ship": "ship", "deliver": "deliver", "shipped": "track", "turn": "answer", "case": "resolve"}
ACCEPTED = frozenset({"acceptance_rate", "auto_refusal_rate"})


@dataclass(frozen=True)
class Thing:
    """A promise or a defect by its name, with the unit it is behind."""

    name: Name
    metric: str
    unit: str


def list_things(session: Session, change: ChangeFacts, standard: Standard) -> list[Thing]:
    """What stands behind the units that a change names, by metric and unit; units nothing is known of are left out."""
    found: dict[Name, Thing] = {}
    for metric, units in _list_units(change.reasons, standard).items():
        known = METRICS.get(metric)
        counted = list_counted_kinds(standard, metric)
        for thing in _find(session, change.shop_id, metric, units) if known is not None else ():
            if thing.name[0] != "defect" or thing.name[1] in counted:
                found.setdefault(thing.name, thing)
    return list(found.values())


def _list_units(reasons: Iterable[Mapping[str, Any]], standard: Standard) -> dict[str, Sequence[str]]:
    rules = {rule.id: rule.metric for rule in standard.rules}
    return {rules.get(str(reason["metric"]), str(reason["metric"])): reason["units"]
            for reason in reasons if reason.get("units") and reason.get("metric")}


def _find(session: Session, shop_id: int, metric: str, units: Sequence[str]) -> list[Thing]:
    group = METRICS[metric].group
    if group == "turn":
        return _find_turns(session, shop_id, metric, units)
    if group == "placed" and metric not in ACCEPTED:
        return _find_defects(session, shop_id, metric, units)
    kind = "accept" if metric in ACCEPTED else "invoice" if metric == "invoice_defect_rate" else PROMISES.get(group)
    return [Thing((kind, unit), metric, unit) for unit in units] if kind is not None else []


def _find_turns(session: Session, shop_id: int, metric: str, units: Collection[str]) -> list[Thing]:
    """Turns by the source and id of their openers, which their unit joins."""
    rows = session.execute(select(TurnFact.source, TurnFact.event_id).where(TurnFact.shop_id == shop_id))
    return [Thing(("answer", source, event_id), metric, f"{source}|{event_id}") for source, event_id in rows
            if f"{source}|{event_id}" in units]


def _find_defects(session: Session, shop_id: int, metric: str, units: Sequence[str]) -> list[Thing]:
    """Every kind of defect that an order had in these numbers."""
    rows = session.execute(select(OutcomeRow.unit, OutcomeRow.kinds).where(
        OutcomeRow.shop_id == shop_id, OutcomeRow.group_code == GROUP_CODES["placed"], OutcomeRow.unit.in_(units),
        OutcomeRow.kinds.is_not(None)).order_by(OutcomeRow.anchor_ms, OutcomeRow.unit)).all()
    pairs = dict.fromkeys((unit, kind) for unit, kinds in rows for kind in (kinds or "").split(",") if kind)
    return [Thing(("defect", kind, unit), metric, unit) for unit, kind in pairs]
