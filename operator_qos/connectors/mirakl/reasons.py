"""What the operator's own reason codes mean for us: who is behind a reason, and its cause. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PARTIES = {"is_customer_right": "buyer", "is_operator_right": "operator", "is_shop_right": "seller"}
CAUSES = frozenset({"buyer_request", "payment_failed", "fraud", "operator", "out_of_stock", "seller_timeout", "other"})


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means; `by` is empty where more than one party may give it, `is_foreign` where none is the shop."""

    by: str = ""
    cause: str = ""
    fault: str = ""
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Reasons:
    """The codes of a platform, by type (CANCELATION, REFUND, INCIDENT_CLOSE …) and code."""

    known: Mapping[tuple[str, str], Reason] = field(default_factory=dict)

    def find(self, kind: str, code: str) -> Reason:
        """What a code means; nothing is known of one that is not listed."""
        return self.known.get((kind, code), Reason())

    def is_strange(self, code: str, *kinds: str) -> bool:
        """Whether a code is none of these types' (of any, without types), though the platform lists such."""
        listed = {known for kind, known in self.known if not kinds or kind in kinds}
        return bool(code and listed) and code not in listed


def read_reasons(rows: Sequence[object], given: Mapping[str, str]) -> Reasons:
    """The platform's list of reasons (RE01) with what the operator says of some of them.

    A reason that one party alone may give is that party's. `given` maps "TYPE:code" to `by`, `by/cause` or
    `by/cause/fault`, such as "CANCELATION:12": "seller/out_of_stock", and wins.
    """
    known: dict[tuple[str, str], Reason] = {}
    for row in rows:
        if isinstance(row, Mapping) and row.get("code") is not None:
            known[str(row.get("type", "")), str(row["code"])] = _by_rights(row)
    for name, meaning in given.items():
        kind, _, code = name.partition(":")
        by, cause, fault = [*meaning.split("/"), "", ""][:3]
        known[kind, code] = Reason(by, cause, fault)
    return Reasons(known)


def _by_rights(row: Mapping[str, Any]) -> Reason:
    entitled = [party for right, party in PARTIES.items() if row.get(right) is True]
    return Reason(entitled[0] if len(entitled) == 1 else "", is_foreign=bool(entitled) and "seller" not in entitled)
