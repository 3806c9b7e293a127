"""Amounts of money as programs write them, in whole minor units. Pure."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import get_currency_precision

MOST_MINOR = 10**12


def read_minor(amount: object, currency: str) -> int | None:
    """An amount in major units as minor ones, with the decimals it is shown with; None where it is none we take.

    One is taken from 0 to MOST_MINOR: a short text like 1e999999 would take minutes to write out.
    """
    if isinstance(amount, bool):
        return None
    try:
        minor = Decimal(str(amount)).scaleb(get_currency_precision(currency.upper()))
    except (ArithmeticError, ValueError):
        return None
    return int(minor.to_integral_value()) if minor.is_finite() and 0 <= minor <= MOST_MINOR else None
