"""Orders as files (OR13 to OR15): asked for, looked after, fetched in two parts."""

from __future__ import annotations

from typing import Any

from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.texts import read_moment

LONGEST_SECONDS = 366 * 86_400


class ExportRefused(ValueError):
    """The range asked for cannot be exported."""


def start_export(lab: Lab, wish: dict[str, Any]) -> str:
    """Note what is wanted; the id to look after it. Raises ExportRefused."""
    names = ("start_date", "end_date", "start_update_date")
    try:
        moments = {name: str(read_moment(wish[name])) for name in names if wish.get(name) is not None}
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ExportRefused("A date is no ISO 8601 moment.") from None
    first = int(moments.get("start_date", lab.world.first_at))
    if int(moments.get("end_date", lab.clock.now())) - first > LONGEST_SECONDS:
        raise ExportRefused("The range is longer than a year.")
    lab.exports.append({**moments, "looked": "0"})
    return f"export-{len(lab.exports)}"


def find_export(lab: Lab, name: str) -> dict[str, str] | None:
    """An export that was asked for."""
    names = [f"export-{number}" for number in range(1, len(lab.exports) + 1)]
    return lab.exports[names.index(name)] if name in names else None


def look_after(lab: Lab, name: str, export: dict[str, str], address: str) -> dict[str, Any]:
    """PENDING the first time, COMPLETED from then on; the first export of a bad day has failed."""
    looked = int(export["looked"])
    export["looked"] = str(looked + 1)
    if not looked:
        return {"status": "PENDING"}
    if lab.chaos.errors and name == "export-1":
        return {"status": "FAILED", "error": {"code": "INTERNAL_ERROR", "detail": "The export broke off."}}
    return {"status": "COMPLETED", "urls": [f"{address}/api/orders/exports/{name}/{part}" for part in (1, 2)]}


def list_exported(lab: Lab, export: dict[str, str], part: int) -> list[str]:
    """The orders of one of the two parts."""
    since = int(export["start_update_date"]) if "start_update_date" in export else None
    first, last = int(export.get("start_date", 0)), int(export.get("end_date", lab.clock.now()))
    keys = sorted(
        key for key in lab.list_changed("orders", since=since, now=lab.clock.now())
        if first <= lab.world.orders[key].steps[0].at <= last and not lab.is_lost(key))
    half = (len(keys) + 1) // 2
    return keys[:half] if part == 1 else keys[half:]
