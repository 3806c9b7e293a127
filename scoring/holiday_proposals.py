"""Public holidays of a country and region, proposed for a person to tick. No clock ever takes them by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class HolidayProposal:
    """A day that may be closed, with its name; ``is_regional`` when only part of the country keeps it."""

    day: date
    name: str
    is_regional: bool


def list_countries() -> tuple[str, ...]:
    """Codes (ISO 3166-1 alpha-2) of the countries whose holidays are known, sorted."""
    import holidays

    return tuple(sorted(holidays.list_supported_countries()))


def list_regions(country: str) -> tuple[str, ...]:
    """Codes of a country's regions that keep days of their own, sorted. Raises ValueError for an unknown country."""
    import holidays

    _require_country(country)
    return tuple(sorted(holidays.list_supported_countries()[country]))


def name_region(country: str, region: str) -> str:
    """The longest name the source knows a region by, else its code. Raises ValueError for an unknown country."""
    import holidays

    _require_country(country)
    aliases: dict[str, str] = getattr(holidays.country_holidays(country), "subdivisions_aliases", {})
    return max((name for name, code in aliases.items() if code == region), key=len, default=region)


def propose_holidays(
    country: str, region: str | None, year: int, language: str | None = None
) -> tuple[HolidayProposal, ...]:
    """The public holidays of a year in order, those of the region included; None for the country's alone.

    Names are in ``language`` ("fr", "en_US") where the source has it, else in the country's own. Source: the
    ``holidays`` package. Raises ValueError naming country or region when unknown.
    """
    import holidays

    _require_country(country)
    if region is not None and region not in list_regions(country):
        raise ValueError(f"region: {region!r} is unknown in {country}; known are {', '.join(list_regions(country))}")
    everywhere = holidays.country_holidays(country, years=year)
    days = holidays.country_holidays(country, subdiv=region, years=year, language=language)
    return tuple(HolidayProposal(day, days[day], day not in everywhere) for day in sorted(days))


def _require_country(country: str) -> None:
    if country not in list_countries():
        raise ValueError(f"country: no holidays are known of {country!r}; use a code like FR")
