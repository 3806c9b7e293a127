"""Writing to a Mirakl platform: how a shop shall stand, asked for and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from operator_qos.connectors.contract import ShopWish, SourceRefused, WishAnswer
from operator_qos.connectors.mirakl.client import Client
from operator_qos.connectors.rows import utc_text

SUSPENSIONS = {"suspended": "SUSPEND", "open": "UNSUSPEND"}
CLOSED = frozenset({"SUSPENDED", "TERMINATED"})
PERIODS = ("LAST_MONTH", "LAST_THREE_MONTHS", "LAST_SIX_MONTHS", "LAST_YEAR")
Shown = Mapping[str, Any]
Figures = Mapping[str, Mapping[str, float]]  # name, then period


class Writing:
    """The writing half of the connector, and what else is asked of one shop at a time."""

    def __init__(self, client: Client) -> None:
        """Nothing is asked yet."""
        self._client = client

    def ask(self, wish: ShopWish, *, now: datetime) -> WishAnswer:
        """Ask for it, unless it stands so already; raises SourceUnavailable when the platform does not answer."""
        if self.read_back(wish, now=now).state == "in_force":
            return WishAnswer("in_force")
        try:
            if wish.state in SUSPENSIONS:
                action = {"id": _number(wish.shop), "state_change_action": SUSPENSIONS[wish.state]}
                body: object = {"shop_state_change_actions": [action]}
                reply = self._client.call("S09", "PUT", "/api/shops/states", body=body)
            else:
                change = {"shop_id": _number(wish.shop), **_change(wish)}
                reply = self._client.call("S07", "PUT", "/api/shops", body={"shops": [change]})
        except SourceRefused as refused:
            return WishAnswer("failed", str(refused))
        error = _find_error(reply.document)
        return WishAnswer("failed", error) if error else WishAnswer("asked")

    def read_back(self, wish: ShopWish, *, now: datetime) -> WishAnswer:
        """Whether the shop stands so now; raises SourceError."""
        document = self._client.get("S20", "/api/shops", [("shop_ids", wish.shop), ("max", "10"), ("offset", "0")])
        rows = document.get("shops", []) if isinstance(document, Mapping) else []
        shown = next((row for row in rows if str(row.get("shop_id")) == wish.shop), None)
        if shown is None:
            return WishAnswer("failed", f"The platform has no shop {wish.shop}.")
        return WishAnswer("in_force" if _STANDS[wish.state](shown, wish) else "asked")

    def read_statistics(self, shops: Sequence[str]) -> Mapping[str, Figures]:
        """The platform's own figures of shops; raises SourceError."""
        params = [("shop_ids", ",".join(shops)), ("periods", ",".join(PERIODS))]
        document = self._client.get("S21", "/api/shops/statistics", params)
        rows = document.get("shops", []) if isinstance(document, Mapping) else []
        return {str(row["shop_id"]): {name: values for name, given in row.items() if (values := _by_period(given))}
                for row in rows if isinstance(row, Mapping) and "shop_id" in row}


def _by_period(rows: object) -> dict[str, float]:
    listed = rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ()
    return {str(row["period"]): float(row["value"]) for row in listed
            if isinstance(row, Mapping) and "period" in row and isinstance(row.get("value"), int | float)}


def _number(shop: str) -> int | str:
    return int(shop) if shop.isdigit() else shop


def _change(wish: ShopWish) -> Mapping[str, Any]:
    if wish.state == "immune":
        return {"immunity_date": utc_text(wish.until_at) if wish.until_at is not None else None}
    return {"premium_state": "PREMIUM" if wish.state == "premium" else "NOT_PREMIUM"}


def _is_immune(shown: Shown, wish: ShopWish) -> bool:
    text = str(shown.get("immunity_date") or "")
    if wish.until_at is None or not text:
        return wish.until_at is None and not text
    return datetime.fromisoformat(text) == wish.until_at.replace(microsecond=0)


_STANDS: Mapping[str, Callable[[Shown, ShopWish], bool]] = {
    "suspended": lambda shown, _: shown.get("shop_state") in CLOSED,
    "open": lambda shown, _: shown.get("shop_state") not in CLOSED,
    "premium": lambda shown, _: shown.get("premium_state") == "PREMIUM",
    "not_premium": lambda shown, _: shown.get("premium_state") != "PREMIUM",
    "immune": _is_immune,
}


def _find_error(document: object) -> str:
    """The first error of a reply that lists what became of each row; empty for none."""
    if not isinstance(document, Mapping):
        return ""
    rows = [document, *(row for value in document.values() if isinstance(value, list) for row in value)]
    for row in rows:
        errors = row.get("errors") if isinstance(row, Mapping) else None
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, Mapping):
                return f"{error.get('code', '')} {error.get('field') or ''} {error.get('message', '')}".strip()
    return ""
