"""Imports in words: what columns may be, how imports stand."""

from __future__ import annotations

from collections.abc import Mapping

from operator_qos.connectors.formats.records import Layout
from operator_qos.i18n import lazy_gettext as _

PARTS: Mapping[str, object] = {
    "order": _("order number"), "placed_at": _("ordered at"), "accepted_at": _("accepted at"),
    "ship_by": _("to ship by"), "shipped_at": _("shipped at"), "deliver_by": _("to deliver by"),
    "delivered_at": _("delivered at"), "cancelled_at": _("cancelled at"), "cancelled_by": _("cancelled by whom"),
    "refunded_at": _("refunded at"), "refund": _("amount refunded"), "shop": _("shop"),
    "marketplace": _("marketplace"), "buyer": _("buyer"), "country": _("country"), "channel": _("channel"),
    "currency": _("currency"), "category": _("category"), "amount": _("amount of the order"),
    "carrier": _("carrier"), "tracking": _("tracking number"), "conversation": _("conversation or ticket"),
    "asked_at": _("buyer wrote at"), "answered_at": _("seller answered at"), "message": _("message number"),
    "sent_at": _("message sent at"), "author": _("who wrote"), "case": _("case number"),
    "opened_at": _("case opened at"),
    "resolved_at": _("case resolved at"), "closed_at": _("case closed at"), "reason": _("reason of the case"),
    "review": _("review number"), "rating": _("rating 1 to 5"), "rated_at": _("rated at"),
}
STATES: Mapping[str, object] = {
    "draft": _("to be mapped"), "waiting": _("waits for its turn"), "running": _("is running"), "done": _("done"),
    "failed": _("stopped"), "dropped": _("dropped"),
}
KINDS: Mapping[str, str] = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet", "xlsx": "XLSX"}
DELIMITERS: Mapping[str, object] = {
    ",": _("comma"), ";": _("semicolon"), "\t": _("tab"), "|": _("vertical bar")}


def say_layout(layout: Layout) -> str:
    """A file in a few words: its kind, how it is packed and written."""
    parts: list[object] = [KINDS[layout.kind]]
    parts += [layout.packing] if layout.packing else []
    parts += [DELIMITERS.get(layout.delimiter, layout.delimiter)] if layout.delimiter else []
    parts += [layout.encoding.upper() if layout.encoding.startswith("utf") else layout.encoding.capitalize()] \
        if layout.encoding and layout.kind == "csv" else []
    parts += [layout.sheet] if layout.sheet else []
    return ", ".join(map(str, parts))
