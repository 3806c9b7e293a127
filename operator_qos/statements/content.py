"""The archived document of a statement: what was decided as data, and the final sentences in every language. Pure."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from operator_qos.statements.books import LANGUAGES
from operator_qos.statements.composing import Basis, Matter, compose, name_of
from operator_qos.statements.facts import StatementAct
from operator_qos.statements.rules import find_gravest, write_canonical

FORMAT = "operator-qos/statement/1"
ID_LENGTH = 10


def write_content(matter: Matter) -> dict[str, Any]:
    """The whole document. It holds no fractions but as texts, so that every reader writes it back alike."""
    to, book = matter.to, matter.book
    return {
        "format": FORMAT,
        "id": matter.public_id,
        "issued_at": _write_moment(matter.issued_at),
        "effective_at": _write_moment(min(matter.starts_at(act) for act in matter.acts)),
        "appeal_until": matter.appeal_until.isoformat(),
        "operator": matter.operator,
        "seller": {"code": to.seller_code, "name": to.seller, "country": to.country},
        "shop": {"code": to.shop_code, "name": to.shop, "marketplace": to.marketplace_id,
                 "marketplace_name": to.marketplace, "country": to.marketplace_country, "timezone": to.zone},
        "jurisdiction": book.law.jurisdiction,
        "texts": book.version,
        "mediators": list(matter.issuer.mediators),
        "acts": [_write_act(matter, act) for act in matter.acts],
        "rules": sorted({name.partition("|")[0] for basis in matter.bases if (name := name_of(basis))}),
        "languages": {language: asdict(compose(matter, language)) for language in LANGUAGES},
    }


def make_public_id(shop_id: int, acts: Sequence[StatementAct], issued_at: datetime, zone: str) -> str:
    """The number people quote. The same acts of a shop give the same one, so they are stated once."""
    facts = [asdict(act) for act in sorted(acts, key=lambda act: act.act_id)]
    digest = hashlib.sha256(write_canonical({"shop": shop_id, "acts": _to_plain(facts)})).digest()
    return f"S-{issued_at.astimezone(ZoneInfo(zone)).year}-{b32encode(digest).decode()[:ID_LENGTH]}"


def name_kind(acts: Sequence[StatementAct]) -> str:
    """What a statement is filed under: the gravest of its acts."""
    return find_gravest(act.kind for act in acts)


def _write_act(matter: Matter, act: StatementAct) -> dict[str, Any]:
    version = {"id": act.standard_id, "version": act.standard_version} if act.standard_id else None
    return {
        "act": act.act_id, "change": act.change_id, "kind": act.kind, "subject": act.subject, "before": act.before,
        "after": act.after, "scope": _to_plain(act.scope), "on": act.on_date.isoformat(),
        "effective_at": _write_moment(matter.starts_at(act)),
        "until_at": None if act.until_at is None else _write_moment(act.until_at),
        "automated": act.automated, "approvals": act.approvals, "standard": version,
        "found_automatically": act.automated or bool(act.reasons),
        "legal_ground": act.legal_ground, "why": act.why, "evidence": act.evidence,
        "reasons": [_write_basis(basis) for basis in matter.bases if basis.act is act],
    }


def _write_basis(basis: Basis) -> dict[str, Any]:
    reason = {name: basis.reason[name] for name in ("code", "key", "asks", "found", "since", "until", "needed")
              if basis.reason.get(name) is not None}
    found = basis.found
    if found is None:
        return _plain_mapping({**reason, "rule": name_of(basis) or None})
    numbers = {name: getattr(found, name) for name in (
        "window_start_ms", "as_of_ms", "bad", "base", "raw_bad", "raw_base", "buyers", "value", "verdict")}
    further = [{"first": over.first.isoformat() if over.first else None, "last": over.last.isoformat(), "bad": over.bad,
                "base": over.base, "raw_bad": over.raw_bad, "raw_base": over.raw_base, "value": over.value}
               for over in found.further]
    limit = {"limit": basis.reason["limit"]} if basis.reason.get("limit") is not None else {}
    return _plain_mapping({**reason, "rule": found.rule, **limit, **numbers, "further": further,
                           "units": [{"id": unit.id, "order": unit.order} for unit in found.units]})


def _plain_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_plain(value) for name, value in values.items()}


def _to_plain(value: Any) -> Any:
    """A value as JSON has it; fractions, dates and decimals as texts."""
    if isinstance(value, Mapping):
        return {str(name): _to_plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(each) for each in value]
    if isinstance(value, datetime):
        return _write_moment(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _write_moment(at: datetime) -> str:
    return at.astimezone(ZoneInfo("UTC")).isoformat(timespec="seconds").replace("+00:00", "Z")
