"""The zone of a country, where it has one: as the zone table of the IANA database that comes with `tzdata` tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

# Zones are one where every clock in them showed the same through these years, looked at every week.
_YEARS = (2015, 2035)


@cache
def find_country_zone(country: str) -> str | None:
    """The zone of a country (ISO 3166, two letters); None for one not known, or in which clocks differ."""
    zones = _read_zones().get(country, ())
    if not zones or any(_differ(zones[0], other) for other in zones[1:]):
        return None
    return zones[0]


@cache
def _read_zones() -> Mapping[str, tuple[str, ...]]:
    """The zones of each country, the most populous first."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found


def _differ(one: str, other: str) -> bool:
    at, end = (datetime(year, 1, 1, tzinfo=UTC) for year in _YEARS)
    weeks = (at + timedelta(weeks=number) for number in range((end - at).days // 7))
    return any(week.astimezone(ZoneInfo(one)).utcoffset() != week.astimezone(ZoneInfo(other)).utcoffset()
               for week in weeks)
