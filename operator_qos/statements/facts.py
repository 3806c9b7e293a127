"""What a statement of reasons is made of: the acts, who is concerned, what was found and who issues it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StatementAct:
    """One act to state reasons for; `reasons` are those of the standing change it follows from, as stored.

    `scope` holds what limits it: what (shop, country, category …), part, cap, share, days, note. Without
    `standard_id` it rests on `why` alone, a person's words. `evidence` proves a legal ground; left empty, `why` does.
    `approvals`: how many people agreed before it took effect; read from the act itself where it is stored.
    """

    act_id: int
    kind: str
    subject: str
    before: str | None = None
    after: str | None = None
    reasons: Sequence[Mapping[str, Any]] = ()
    standard_id: str | None = None
    standard_version: int | None = None
    standard_title: Mapping[str, str] = field(default_factory=dict)
    on_date: date
    effective_at: datetime
    until_at: datetime | None = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    automated: bool = True
    decided_by: str = "system"
    why: str = ""
    legal_ground: str | None = None
    evidence: str = ""
    change_id: int | None = None
    approvals: int = 0


@dataclass(frozen=True)
class Issuer:
    """Who issues statements: no `name` stands for the marketplace's; `jurisdiction` is for shops of no known law."""

    name: str = ""
    mediators: tuple[str, ...] = ()
    jurisdiction: str = "eu"


@dataclass(frozen=True)
class Addressee:
    """The shop a statement is about, with its company and marketplace."""

    shop_id: int
    shop_code: str
    shop: str
    seller_id: int
    seller_code: str
    seller: str
    marketplace_id: str
    marketplace: str
    country: str
    marketplace_country: str
    zone: str
    opened_ms: int


@dataclass(frozen=True)
class Unit:
    """One thing that counted against the shop, with the order it belongs to where that is known."""

    id: str
    order: str | None


@dataclass(frozen=True)
class Over:
    """What one further window of a rule counts; `first` None: from the beginning."""

    first: date | None
    last: date
    bad: int
    base: int
    raw_bad: int
    raw_base: int
    value: float | None


@dataclass(frozen=True)
class Found:
    """What was officially found of one rule on a date, with its bad units; moments are epoch ms."""

    rule: str
    on: date
    standard_id: str
    window_start_ms: int
    as_of_ms: int
    bad: int
    base: int
    raw_bad: int
    raw_base: int
    buyers: int
    value: float | None
    verdict: str
    units: tuple[Unit, ...]
    further: tuple[Over, ...] = ()  # where the limit looks at several windows
