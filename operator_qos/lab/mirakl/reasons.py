"""The platform's taxonomy (RE01): codes are texts of digits, and each operator has its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INCIDENT = {"not_received": "11", "damaged": "12", "wrong_item": "13", "not_as_described": "14"}
CLOSING = {"resolved": "31", "withdrawn": "32", "seller": "33", "carrier": "34", "buyer": "35", "nobody": "36",
           "operator": "36"}
REFUND = {"not_received": "21", "damaged": "22", "wrong_item": "23", "not_as_described": "24", "changed_mind": "25",
          "wrong_size": "25", "goodwill": "26"}
CANCELATION = {"out_of_stock": "41", "buyer_request": "42", "payment_failed": "43", "seller_timeout": "44"}
MESSAGING = {"": "51", "incident": "52"}
RETURN = {"changed_mind": "RETURN_CHANGED_MIND", "wrong_size": "RETURN_OTHER",
          "not_as_described": "RETURN_DELIVERED_PRODUCT_DIFFERENT", "damaged": "RETURN_BROKEN_ITEM"}

# code, type, label, who may use it: customer, operator, shop
_ROWS = (
    ("11", "INCIDENT_OPEN", "Item not received", "c"),
    ("12", "INCIDENT_OPEN", "Item damaged", "c"),
    ("13", "INCIDENT_OPEN", "Wrong item", "c"),
    ("14", "INCIDENT_OPEN", "Item not as described", "c"),
    ("31", "INCIDENT_CLOSE", "Solved by the shop", "os"),
    ("32", "INCIDENT_CLOSE", "Withdrawn by the customer", "co"),
    ("33", "INCIDENT_CLOSE", "Shop at fault", "o"),
    ("34", "INCIDENT_CLOSE", "Carrier at fault", "o"),
    ("35", "INCIDENT_CLOSE", "Customer at fault", "o"),
    ("36", "INCIDENT_CLOSE", "Nobody at fault", "o"),
    ("21", "REFUND", "Item not received", "cos"),
    ("22", "REFUND", "Item damaged", "cos"),
    ("23", "REFUND", "Wrong item", "cos"),
    ("24", "REFUND", "Item not as described", "cos"),
    ("25", "REFUND", "Customer changed their mind", "cos"),
    ("26", "REFUND", "Goodwill", "os"),
    ("41", "CANCELATION", "Out of stock", "s"),
    ("42", "CANCELATION", "Asked for by the customer", "co"),
    ("43", "CANCELATION", "Payment failed", "o"),
    ("44", "CANCELATION", "Not shipped in time", "o"),
    ("51", "ORDER_MESSAGING", "Question about my order", "cos"),
    ("52", "ORDER_MESSAGING", "Problem with my order", "cos"),
)


def show_reasons() -> list[Mapping[str, Any]]:
    """Every reason of the platform."""
    return [
        {"code": code, "type": kind, "label": label, "is_customer_right": "c" in rights,
         "is_operator_right": "o" in rights, "is_shop_right": "s" in rights}
        for code, kind, label, rights in _ROWS]
