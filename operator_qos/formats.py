"""How numbers, money, times and rates are written in the two languages.

Every function takes the language; the templates' filters of the same names fill it in. Spaces inside a value
are no-break spaces, so that it never falls apart at the end of a line. A missing value is a dash.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date as _babel_date
from babel.numbers import format_currency, format_decimal, get_currency_precision, is_currency

from operator_qos.clock import from_ms

DASH = "–"
_NB = "\u00a0"
_LOCALES = {"en": "en_GB", "fr": "fr"}
_DAY_LETTER = {"en": "d", "fr": "j"}
MINUTE, HOUR, DAY = 60, 3_600, 86_400

Moment = datetime | int


def _locale(language: str) -> str:
    return _LOCALES.get(language, "en_GB")


# A page says the same numbers and days many times over, and locale patterns are slow.
@lru_cache(maxsize=8_192)
def _number(value: Decimal, digits: int, language: str) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    pattern = f"#,##0.{'0' * digits}" if digits else "#,##0"
    return str(format_decimal(rounded, format=pattern, locale=_locale(language)))


@lru_cache(maxsize=1_024)
def _short_number(value: float, language: str) -> str:
    return str(format_decimal(value, format="#,##0.####", locale=_locale(language)))


@lru_cache(maxsize=4_096)
def _say_date(value: date, pattern: str, language: str) -> str:
    return str(_babel_date(value, pattern, locale=_locale(language)))


def _percent(number: str, language: str) -> str:
    return f"{number}{_NB}%" if language == "fr" else f"{number}%"


def format_count(value: int | None, language: str) -> str:
    """7310 -> "7,310"."""
    return DASH if value is None else _number(Decimal(value), 0, language)


def format_number(value: float | None, language: str, digits: int = 1) -> str:
    """4.26 -> "4.3"."""
    return DASH if value is None else _number(Decimal(repr(float(value))), digits, language)


def _rate_digits(percent: Decimal) -> int:
    if percent in {0, 100}:
        return 0
    return 2 if percent < 10 else 1


def format_rate(value: float | None, language: str, digits: int | None = None) -> str:
    """0.0170 -> "1.70%", 0.9284 -> "92.8%"; a part never reads as nothing or as all."""
    if value is None:
        return DASH
    percent = Decimal(repr(float(value))) * 100
    places = _rate_digits(percent) if digits is None else digits
    step = Decimal(1).scaleb(-places)
    shown = percent.quantize(step, rounding=ROUND_HALF_UP)
    gap = _NB if language == "fr" else ""
    if percent > 0 and shown == 0:
        return f"<{gap}{_percent(_number(step, places, language), language)}"
    if percent < 100 <= shown:
        return f">{gap}{_percent(_number(100 - step, places, language), language)}"
    return _percent(_number(shown, places, language), language)


def format_limit(value: float | None, language: str) -> str:
    """A limit as people write it: 0.04 -> "4%", 0.025 -> "2.5%"."""
    if value is None:
        return DASH
    return _percent(_short_number(round(float(value) * 100, 6), language), language)


def format_money(minor: int | None, currency: str, language: str) -> str:
    """19690, "EUR" -> "€196.90"; the number of decimals is the currency's own."""
    return DASH if minor is None else _money(minor, currency, language)


@lru_cache(maxsize=8_192)
def _money(minor: int, currency: str, language: str) -> str:
    amount = Decimal(minor).scaleb(-get_currency_precision(currency))
    if not is_currency(currency):
        return f"{_number(amount, 2, language)}{_NB}{currency}"
    return str(format_currency(amount, currency, locale=_locale(language)))


def to_local(moment: Moment, zone: str) -> datetime:
    """An aware moment, or epoch milliseconds, on the clocks of a zone."""
    aware = from_ms(moment) if isinstance(moment, int) else moment
    return aware.astimezone(ZoneInfo(zone) if zone and zone != "UTC" else UTC)


def format_day(value: date | None, language: str, year: bool = False, weekday: bool = False) -> str:
    """ "18 June", or with `weekday` and `year` "Thu 18 June 2026"."""
    if value is None:
        return DASH
    first = "1er" if language == "fr" and value.day == 1 else str(value.day)
    words = [first, _say_date(value, "MMMM", language)]
    if weekday:
        words.insert(0, _say_date(value, "EEE", language))
    if year:
        words.append(str(value.year))
    return _NB.join(words)


def format_clock(moment: Moment | None, zone: str, language: str) -> str:
    """ "09:40" or "9 h 40"."""
    if moment is None:
        return DASH
    local = to_local(moment, zone)
    if language != "fr":
        return f"{local:%H:%M}"
    return f"{local.hour}{_NB}h{_NB}{local.minute:02d}" if local.minute else f"{local.hour}{_NB}h"


def format_moment(
    moment: Moment | None, zone: str, language: str, year: bool = False, weekday: bool = False
) -> str:
    """ "18 June, 09:40" or "18 juin, 9 h 40"."""
    if moment is None:
        return DASH
    day = format_day(to_local(moment, zone).date(), language, year, weekday)
    return f"{day}, {format_clock(moment, zone, language)}"


def format_duration(seconds: float | None, language: str) -> str:
    """The two largest units: "45 s", "50 min", "6 h 35", "2 d 3 h"."""
    if seconds is None:
        return DASH
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole}{_NB}s"
    if whole < HOUR:
        return f"{whole // MINUTE}{_NB}min"
    hours, minutes = divmod(whole // MINUTE, 60)
    if hours < 24:
        return f"{hours}{_NB}h{_NB}{minutes:02d}" if minutes else f"{hours}{_NB}h"
    days, hours = divmod(hours, 24)
    letter = _DAY_LETTER.get(language, "d")
    return f"{days}{_NB}{letter}{_NB}{hours}{_NB}h" if hours else f"{days}{_NB}{letter}"


def _days(count: int, language: str) -> str:
    word = {"fr": "jour"}.get(language, "day")
    return f"{count}{_NB}{word}{'s' if count > 1 else ''}"


def _distance(seconds: int, language: str) -> str:
    days, rest = divmod(seconds, DAY)
    if not days:
        return format_duration(seconds, language)
    if days > 1 or rest < HOUR:
        return _days(days, language)
    return f"{_days(days, language)} {rest // HOUR}{_NB}h"


def format_due(due: Moment | None, now: datetime, language: str) -> str:
    """How far a deadline is: "in 2 h 20", "in 4 days", "3 h late"."""
    if due is None:
        return DASH
    left = int((to_local(due, "UTC") - now).total_seconds())
    distance = _distance(abs(left), language)
    if language == "fr":
        return f"dans {distance}" if left >= 0 else f"retard de {distance}"
    return f"in {distance}" if left >= 0 else f"{distance} late"
