"""Shops as a back-test tells of them."""

from __future__ import annotations

from operator_qos.standards.comparison import TriedShop


def tried_shop(number: int) -> TriedShop:
    """A French shop of 60 orders in three months."""
    return TriedShop(number, "fr", f"s{number}", f"Shop {number}", "FR", "books", 60, 1000 * number, "EUR")
