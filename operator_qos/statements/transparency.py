"""Statements as the Commission's DSA Transparency Database takes them: no name, no order, no person. Pure.

Field names and values are those of its API. Only what restricts visibility, payment, service or account goes there
(Article 17(1) of Regulation (EU) 2022/2065); a warning, a level or a badge alone does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from operator_qos.statements.queries import StatementRow
from operator_qos.statements.rules import EUROPE

_EFTA = frozenset({"IS", "LI", "NO"})
# What each kind of act is there; the gravest first.
VISIBILITY = {
    "listing_hidden": "DECISION_VISIBILITY_CONTENT_DISABLED", "ranking": "DECISION_VISIBILITY_CONTENT_DEMOTED",
    "listing_cap": "DECISION_VISIBILITY_OTHER",
}
MONETARY = {"payment_hold": "DECISION_MONETARY_SUSPENSION", "payout_delay": "DECISION_MONETARY_OTHER",
            "fee": "DECISION_MONETARY_OTHER", "penalty": "DECISION_MONETARY_OTHER"}
PROVISION = {
    "termination": "DECISION_PROVISION_TOTAL_TERMINATION", "suspension": "DECISION_PROVISION_TOTAL_SUSPENSION",
    "order_cap": "DECISION_PROVISION_PARTIAL_SUSPENSION", "feature_lost": "DECISION_PROVISION_PARTIAL_SUSPENSION",
}
ACCOUNT = {"termination": "DECISION_ACCOUNT_TERMINATED", "suspension": "DECISION_ACCOUNT_SUSPENDED"}
_OTHER = {"listing_cap": "Number of offers limited", "payout_delay": "Payments made later than usual",
          "fee": "Fee charged", "penalty": "Penalty charged"}
RESTRICTING = frozenset({*VISIBILITY, *MONETARY, *PROVISION})
MAX_FACTS = 5000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One statement of reasons of the database."""

    puid: str
    decision_visibility: list[str] | None
    decision_visibility_other: str | None
    decision_monetary: str | None
    decision_monetary_other: str | None
    decision_provision: str | None
    decision_account: str | None
    account_type: str
    end_date_visibility_restriction: str | None
    end_date_monetary_restriction: str | None
    end_date_service_restriction: str | None
    end_date_account_restriction: str | None
    decision_ground: str
    incompatible_content_ground: str
    incompatible_content_explanation: str
    incompatible_content_illegal: str
    content_type: list[str]
    content_type_other: str
    category: str
    territorial_scope: list[str]
    application_date: str
    content_date: str
    decision_facts: str
    source_type: str
    automated_detection: str
    automated_decision: str

    def to_mapping(self) -> dict[str, Any]:
        """The fields that are given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


FIELDS = tuple(Entry.__dataclass_fields__)


def list_entries(rows: Iterable[StatementRow]) -> Iterator[Entry]:
    """An entry for each statement that restricts something in the European Economic Area."""
    for row in rows:
        acts = [act for act in row.content["acts"] if act["kind"] in RESTRICTING]
        scope = find_territory(row.content)
        if acts and scope:
            yield _to_entry(row, acts, scope)


def find_territory(content: Mapping[str, Any]) -> list[str]:
    """Where it applies: the marketplace's country; everywhere in the Union where that is not known."""
    country = str(content["shop"]["country"]).upper()
    if not country:
        return sorted(EUROPE - _EFTA)
    return [country] if country in EUROPE else []


def _to_entry(row: StatementRow, acts: list[Mapping[str, Any]], scope: list[str]) -> Entry:
    visibility = sorted({VISIBILITY[act["kind"]] for act in acts if act["kind"] in VISIBILITY})
    return Entry(
        puid=row.public_id, decision_visibility=visibility or None,
        decision_visibility_other=_say_other(acts, VISIBILITY), decision_monetary=_find(acts, MONETARY),
        decision_monetary_other=_say_other(acts, MONETARY), decision_provision=_find(acts, PROVISION),
        decision_account=_find(acts, ACCOUNT), account_type="ACCOUNT_TYPE_BUSINESS",
        end_date_visibility_restriction=_find_end(acts, VISIBILITY),
        end_date_monetary_restriction=_find_end(acts, MONETARY),
        end_date_service_restriction=_find_end(acts, PROVISION),
        end_date_account_restriction=_find_end(acts, ACCOUNT), decision_ground="DECISION_GROUND_INCOMPATIBLE_CONTENT",
        incompatible_content_ground=_say_ground(acts), incompatible_content_illegal="No",
        incompatible_content_explanation="The shop does not keep the service promised to buyers by these terms.",
        content_type=["CONTENT_TYPE_OTHER"], content_type_other="Offers of a shop",
        category="STATEMENT_CATEGORY_OTHER_VIOLATION_TC", territorial_scope=scope,
        application_date=row.effective_at.astimezone(UTC).date().isoformat(),
        content_date=row.issued_at.astimezone(UTC).date().isoformat(), decision_facts=_say_facts(acts)[:MAX_FACTS],
        source_type="SOURCE_VOLUNTARY", automated_detection=_say_detection(acts),
        automated_decision=_say_decision(acts),
    )


def _find(acts: Iterable[Mapping[str, Any]], table: Mapping[str, str]) -> str | None:
    """The gravest of a table's decisions, which stand in the order of gravity."""
    kinds = {act["kind"] for act in acts}
    return next((value for kind, value in table.items() if kind in kinds), None)


def _say_other(acts: Collection[Mapping[str, Any]], table: Mapping[str, str]) -> str | None:
    """What an "other" restriction is; None where none of them is told so."""
    if table is MONETARY and not str(_find(acts, table)).endswith("_OTHER"):
        return None  # only one decision on money is told, and it says it all
    said = sorted({_OTHER[act["kind"]] for act in acts if act["kind"] in _OTHER and act["kind"] in table})
    return "; ".join(said) or None


def _find_end(acts: Iterable[Mapping[str, Any]], table: Mapping[str, str]) -> str | None:
    """The day on which the last of them ends; None while one has no end."""
    ends = [act["until_at"] for act in acts if act["kind"] in table]
    return max(ends)[:10] if ends and all(ends) else None


def _say_ground(acts: Iterable[Mapping[str, Any]]) -> str:
    named = {(act["standard"]["id"], act["standard"]["version"]) for act in acts if act["standard"]}
    said = [f"Service standard {name}, version {version}" for name, version in sorted(named)]
    return "; ".join(said) or "Terms of the marketplace for sellers"


def _say_facts(acts: Iterable[Mapping[str, Any]]) -> str:
    """The numbers of each rule; neither orders nor what a person wrote, which may name somebody."""
    said = {}
    for act in acts:
        for reason in act["reasons"]:
            if reason.get("base") is not None:
                numbers = f"{reason['bad']} of {reason['base']} counted against the shop"
                said[reason["rule"]] = f"{reason['rule']}: {numbers}, {_say_dates(reason)}."
    return " ".join(said[rule] for rule in sorted(said)) or "Decided by a person for reasons told to the seller."


def _say_dates(reason: Mapping[str, Any]) -> str:
    first, last = reason["window_start_ms"], _to_day(reason["as_of_ms"])
    return f"between {_to_day(first)} and {last}" if first else f"up to {last}"


def _to_day(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date().isoformat()


def _say_detection(acts: Iterable[Mapping[str, Any]]) -> str:
    return "Yes" if any(act["found_automatically"] for act in acts) else "No"


def _say_decision(acts: Iterable[Mapping[str, Any]]) -> str:
    alone = {bool(act["automated"]) and not act["approvals"] for act in acts}
    if alone == {True}:
        return "AUTOMATED_DECISION_FULLY"
    some = any(act["automated"] for act in acts)
    return "AUTOMATED_DECISION_PARTIALLY" if some else "AUTOMATED_DECISION_NOT_AUTOMATED"
