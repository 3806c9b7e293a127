"""The policies in force: a marketplace's own versions by their first day, else the one that is shipped."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.disputes.models import DisputePolicy
from operator_qos.disputes.policies import Policy, load_preset_policy, read_policy

DEFAULT = "ours"


@lru_cache(maxsize=256)
def _parse(text: str) -> Policy:
    return read_policy(json.loads(text))


@dataclass(frozen=True)
class Version:
    """A published version: the policy, its first day and when and by whom it was published."""

    policy: Policy
    effective_from: date
    published_at: datetime
    published_by: str


@dataclass(frozen=True)
class PolicyBook:
    """Every published version by marketplace, the latest first day last."""

    versions: Mapping[str, list[Version]]

    def at(self, marketplace_id: str, moment: datetime, zone: str) -> Policy:
        """The policy in force in a marketplace on the local day of a moment."""
        day = moment.astimezone(ZoneInfo(zone)).date()
        found = [v for v in self.versions.get(marketplace_id, ()) if v.effective_from <= day]
        return found[-1].policy if found else load_preset_policy(DEFAULT)


def find_policy(session: Session, *, marketplace_id: str, opened_at: datetime, zone: str) -> Policy:
    """The policy that a dispute opened then goes by."""
    return read_policy_book(session, marketplace_id).at(marketplace_id, opened_at, zone)


def read_policy_book(session: Session, marketplace_id: str | None = None) -> PolicyBook:
    """Every version of one marketplace, or of all."""
    query = select(DisputePolicy).order_by(DisputePolicy.effective_from, DisputePolicy.id)
    if marketplace_id is not None:
        query = query.where(DisputePolicy.marketplace_id == marketplace_id)
    found: dict[str, list[Version]] = defaultdict(list)
    for row in session.scalars(query):
        policy = _parse(json.dumps(row.document, sort_keys=True))
        found[row.marketplace_id].append(Version(policy, row.effective_from, row.published_at, row.published_by))
    return PolicyBook(dict(found))
