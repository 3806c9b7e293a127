"""Dispute policies: every limit with the clock it runs on, per kind of dispute; read from YAML, refused with the place.

A limit is written as people say it: "48 hours", "20 days", "3 working days of the seller", "72 working hours of the
seller", "5 working days of the mediators". Hours run on the wall clock; days end at the same time of day in the zone of
their calendar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from operator_qos.disputes.rules import OFFER_REMEDIES, PROBLEMS, REMEDIES

PRESETS = ("ours", "amazon", "ebay", "etsy", "mirakl", "paypal")
NOTICE_DAYS = 15
UNITS = ("hours", "days", "working days", "working hours")
CALENDARS = ("wall", "seller", "buyer", "mediators")
ANCHORS = ("ordered", "deliver_due", "delivered", "contacted")
SILENT_SELLER = ("escalate", "overdue")
SILENT_EVIDENCE = ("buyer_wins", "mediator")
DEFECTS = ("decided", "default")
_LIMIT = re.compile(
    r"(\d{1,4}) (hours?|days?|working days?|working hours?)(?: of the (seller|buyer|mediators))?", re.ASCII
)
FOLDER = Path(__file__).with_name("presets")


class PolicyError(ValueError):
    """A policy that cannot be used; the text names the place, what is wrong and what it takes."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


@dataclass(frozen=True)
class Limit:
    """`amount` of `unit` on `calendar`."""

    amount: int
    unit: str
    calendar: str

    def __str__(self) -> str:
        unit = self.unit if self.amount != 1 else self.unit.removesuffix("s")
        return f"{self.amount} {unit}" + ("" if self.calendar == "wall" else f" of the {self.calendar}")


@dataclass(frozen=True)
class Span:
    """A limit counted from a moment of the order: `since` is one of ANCHORS."""

    limit: Limit
    since: str


@dataclass(frozen=True)
class KindPolicy:
    """What holds for one kind of dispute; None: no such limit.

    `seller_first_response` None leaves the deadline to the standard's own limit for solving a case.
    """

    min_wait_before_open: Span | None = None
    open_until: Span | None = None
    seller_first_response: Limit | None = None
    seller_silent: str = "escalate"  # when the time for the first word is up
    escalation_earliest: Limit | None = None
    escalate_automatically: Limit | None = None  # from the opening, whoever was silent
    evidence_deadline: Limit = Limit(48, "hours", "wall")
    evidence_silent: str = "buyer_wins"  # when the seller sends none
    decision_target: Limit = Limit(5, "working days", "mediators")
    appeal_window: Limit | None = Limit(30, "days", "wall")
    max_appeals: int = 1
    auto_close_after: Limit | None = None  # the buyer is silent
    offer_expires: Limit = Limit(5, "days", "wall")
    perform_within: Limit = Limit(5, "working days", "seller")
    remind_before: Limit | None = Limit(24, "hours", "wall")
    remedies: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: {"refund": (1.0, 1.0), "partial_refund": (0.0, 1.0), "replacement": (0.0, 0.0)}
    )  # least and most of the amount asked for
    counts_as_defect: tuple[str, ...] = DEFECTS  # rulings against the seller by a mediator, by silence

    @property
    def uses_shop_clock(self) -> bool:
        """Whether a stored deadline runs on the shop's own clock."""
        limits = (self.seller_first_response, self.escalation_earliest, self.escalate_automatically)
        return any(limit is not None and limit.calendar == "seller" for limit in limits)


@dataclass(frozen=True)
class Policy:
    """One version of a policy; `kinds` holds every kind of dispute."""

    id: str
    version: int
    title: Mapping[str, str]  # by language
    effective_from: date
    masks_contacts: bool
    mediators_zone: str
    holidays: Mapping[str, frozenset[str]]  # by calendar: seller, mediators, or the buyer's country
    kinds: Mapping[str, KindPolicy]
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Id and version, as kept beside a dispute."""
        return f"{self.id} {self.version}"

    def of(self, problem: str | None) -> KindPolicy:
        """What holds for a kind of dispute; unknown ones are `other`."""
        return self.kinds.get(problem or "other", self.kinds["other"])


def read_limit(text: object, path: str) -> Limit:
    """A limit as written. Raises PolicyError."""
    found = _LIMIT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise PolicyError(path, f"{text!r} is no limit; write it like '48 hours' or '3 working days of the seller'")
    unit = found[2] if found[2].endswith("s") else f"{found[2]}s"
    calendar = found[3] or ("seller" if unit.startswith("working") else "wall")
    if unit in {"hours", "days"} and calendar != "wall":
        raise PolicyError(path, f"{text!r}: {unit} run for everybody alike; only working time is somebody's")
    if unit == "working hours" and calendar != "seller":
        raise PolicyError(path, f"{text!r}: only shops tell their opening hours; count working days instead")
    if not 1 <= int(found[1]) <= 3650:
        raise PolicyError(path, f"{text!r} must lie between 1 and 3650")
    return Limit(int(found[1]), unit, calendar)


def _read_span(given: object, path: str) -> Span:
    if not isinstance(given, Mapping) or set(given) != {"limit", "since"}:
        raise PolicyError(path, "needs exactly 'limit' and 'since'")
    if given["since"] not in ANCHORS:
        raise PolicyError(f"{path}.since", f"{given['since']!r} is none of {', '.join(ANCHORS)}")
    return Span(read_limit(given["limit"], f"{path}.limit"), given["since"])


def _read_choice(given: object, path: str, choices: Sequence[str]) -> str:
    if given not in choices:
        raise PolicyError(path, f"{given!r} is none of {', '.join(choices)}")
    return str(given)


def _read_remedies(given: object, path: str) -> dict[str, tuple[float, float]]:
    if not isinstance(given, Mapping) or not given:
        raise PolicyError(path, "names at least one remedy with its least and most, like {refund: [1, 1]}")
    found = {}
    for name, bounds in given.items():
        _read_choice(name, path, tuple(dict.fromkeys((*OFFER_REMEDIES, *REMEDIES))))
        numbers = isinstance(bounds, list) and len(bounds) == 2 and all(isinstance(b, int | float) for b in bounds)
        if not numbers or not 0 <= bounds[0] <= bounds[1] <= 2:
            raise PolicyError(f"{path}.{name}", "takes two shares of the amount asked for, like [0, 1]")
        found[str(name)] = (float(bounds[0]), float(bounds[1]))
    return found


def _read_defects(given: object, path: str) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise PolicyError(path, f"is a list of {', '.join(DEFECTS)}")
    return tuple(_read_choice(item, path, DEFECTS) for item in given)


def _read_appeals(given: object, path: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= 5:
        raise PolicyError(path, "is a whole number from 0 to 5")
    return given


_READERS: Mapping[str, Any] = {
    "min_wait_before_open": _read_span,
    "open_until": _read_span,
    "seller_silent": lambda given, path: _read_choice(given, path, SILENT_SELLER),
    "evidence_silent": lambda given, path: _read_choice(given, path, SILENT_EVIDENCE),
    "max_appeals": _read_appeals,
    "remedies": _read_remedies,
    "counts_as_defect": _read_defects,
}
_MAY_LACK = frozenset({
    "min_wait_before_open", "open_until", "seller_first_response", "escalation_earliest", "escalate_automatically",
    "appeal_window", "auto_close_after", "remind_before",
})


def _read_kind(given: object, path: str, base: KindPolicy) -> KindPolicy:
    if not isinstance(given, Mapping):
        raise PolicyError(path, "is a table of limits")
    known = {item.name for item in fields(KindPolicy)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        place = f"{path}.{key}"
        if key not in known:
            raise PolicyError(place, f"is unknown; known are {', '.join(sorted(known))}")
        if value is None and key in _MAY_LACK:
            values[key] = None
        else:
            values[key] = _READERS.get(key, read_limit)(value, place)
    found = replace(base, **values)
    if (found.appeal_window is None) != (found.max_appeals == 0):
        raise PolicyError(f"{path}.appeal_window", "a window and at least one appeal go together; set both or neither")
    return found


def _read_holidays(given: object, path: str) -> dict[str, frozenset[str]]:
    if not isinstance(given, Mapping):
        raise PolicyError(path, "is a table of lists of days, by 'seller', 'mediators' or a country")
    return {str(name): frozenset(_read_day(day, f"{path}.{name}").isoformat() for day in days)
            for name, days in given.items()}


def _read_day(given: object, path: str) -> date:
    try:
        return given if isinstance(given, date) else date.fromisoformat(str(given))
    except ValueError:
        raise PolicyError(path, f"{given!r} is no day; write it like 2026-05-01") from None


_TOP = frozenset({
    "id", "version", "title", "effective_from", "masks_contacts", "mediators_zone", "holidays", "limits", "kinds",
    "sources",
})


def read_policy(document: Mapping[str, Any]) -> Policy:
    """A policy from its document. Raises PolicyError naming the place."""
    for key in document:
        if key not in _TOP:
            raise PolicyError(str(key), f"is unknown; known are {', '.join(sorted(_TOP))}")
    for key in ("id", "version", "title", "effective_from"):
        if key not in document:
            raise PolicyError(key, "is missing")
    base = _read_kind(document.get("limits") or {}, "limits", KindPolicy())
    given = document.get("kinds") or {}
    unknown = sorted(set(given) - set(PROBLEMS))
    if unknown:
        raise PolicyError(f"kinds.{unknown[0]}", f"is none of {', '.join(PROBLEMS)}")
    kinds = {name: _read_kind(given.get(name) or {}, f"kinds.{name}", base) for name in PROBLEMS}
    return Policy(
        id=str(document["id"]), version=int(document["version"]), title=dict(document["title"]),
        effective_from=_read_day(document["effective_from"], "effective_from"),
        masks_contacts=bool(document.get("masks_contacts", False)),
        mediators_zone=str(document.get("mediators_zone") or ""),
        holidays=_read_holidays(document.get("holidays") or {}, "holidays"), kinds=kinds,
        sources=tuple(document.get("sources") or ()),
    )


def read_yaml(text: str) -> dict[str, Any]:
    """The document of a policy. Raises PolicyError naming the line."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "the text"
        raise PolicyError(where, "is no YAML; check indentation and colons") from None
    if not isinstance(document, dict):
        raise PolicyError("the text", "is a table that begins with id, version and title")
    return document


@lru_cache(maxsize=len(PRESETS))
def load_preset_policy(name: str) -> Policy:
    """A policy that is shipped. Raises PolicyError for an unknown name."""
    if name not in PRESETS:
        raise PolicyError("preset", f"{name!r} is none of {', '.join(PRESETS)}")
    return read_policy(read_yaml((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def read_preset_text(name: str) -> str:
    """The text of a shipped policy, to start a version of one's own from."""
    load_preset_policy(name)
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
