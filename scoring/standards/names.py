"""The names a condition may use, and where: of a row, of a shop, of a figure or rule."""

from __future__ import annotations

ROW_NUMBERS = frozenset({"amount", "quantity", "value_minor", "scans"})
ROW_TEXTS = frozenset(
    {
        "country",
        "category",
        "fulfilment",
        "channel",
        "region",
        "carrier",
        "cause",
        "fault",
        "kind",
        "severity",
        "listing",
        "scheme",
    }
)
ROW_FLAGS = frozenset({"business", "tracked", "trackable", "automatic", "bad"})
SHOP_NUMBERS = frozenset({"age_days", "tier_days"})
SHOP_TEXTS = frozenset(
    {
        "marketplace",
        "country",
        "category",
        "fulfilment",
        "channel",
        "seller_tier",
        "region",
        "price_band",
        "programme",
        "scheme",
    }
)
OWN_NUMBERS = frozenset({"value", "bad", "base", "buyers"})
HISTORY_NUMBERS = frozenset({"in_a_row", "breach_span_days", "warning"})
RULE_TEXTS = frozenset({"verdict", "grade"})
RULE_NAMES = OWN_NUMBERS | HISTORY_NUMBERS | RULE_TEXTS
