"""What the demo marketplace consists of, before anything happens on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from operator_qos.demo.companies import COMPANIES, CompanyRow, ShopRow
from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS, Hours, public_holidays, utc_midnight

MONTHS = 14
WINDOW_DAYS = 60
_Week = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One site of the operator."""

    id: str
    name: str
    timezone: str
    currency: str
    country: str
    language: str
    prefix: str
    neighbour: str
    carriers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seller:
    """A company with one or more shops."""

    id: str
    name: str
    country: str
    language: str


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop: its place, its story, its volume and its habits. `hours` None means always open."""

    id: str
    name: str
    marketplace: str
    seller_id: str
    story: str
    daily_orders: float
    quality: float
    hours: Hours | None
    handling_days: int
    accepts: bool
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The whole demo: places, companies, shops, and the dates its stories hang on."""

    until: date
    start: date
    marketplaces: tuple[Marketplace, ...]
    sellers: tuple[Seller, ...]
    shops: tuple[Shop, ...]
    strike_from: date
    strike_until: date
    outage_on: date
    strike_excluded: frozenset[str]

    @property
    def last_at(self) -> int:
        """Epoch second of the last event: 06:00 UTC on the last day, when most shops are still shut."""
        return utc_midnight(self.until) + 6 * HOUR_SECONDS

    @property
    def first_at(self) -> int:
        """Epoch second from which orders may be placed."""
        return utc_midnight(self.start) + 6 * HOUR_SECONDS

    def get_marketplace(self, key: str) -> Marketplace:
        """Give a marketplace by id. Raises KeyError when there is none."""
        return {place.id: place for place in self.marketplaces}[key]

    def cutoff_of(self, shop: Shop) -> int:
        """Give the last epoch second a shop reports; the late feed is three days behind."""
        return self.last_at - (3 * DAY_SECONDS if shop.story == "late_feed" else 0)


MARKETPLACES = (
    Marketplace(
        "halle-fr",
        "Halle FR",
        "Europe/Paris",
        "EUR",
        "FR",
        "fr",
        "HF",
        "BE",
        ("relaisplus", "postalis", "colisnord"),
    ),
    Marketplace(
        "lonja-es", "Lonja ES", "Europe/Madrid", "EUR", "ES", "es", "LE", "PT", ("rapido24", "correosur")
    ),
    Marketplace(
        "kontor-de", "Kontor DE", "Europe/Berlin", "EUR", "DE", "de", "KD", "AT", ("paketlauf", "nordpost")
    ),
)
CATEGORIES = ("kitchen", "home", "textile", "garden", "lighting", "toys", "stationery", "beauty")
_LANGUAGE = {place.country: place.language for place in MARKETPLACES}

# Orders a day at the end of the period. Stories need at least 300 orders in 60 days to be told honestly.
_DAILY = {
    "excellent": 7.8,
    "steady": 5.7,
    "small": 1.9,
    "tiny_noisy": 0.5,
    "seasonal": 5.6,
    "late_feed": 5.9,
}
_DAILY_OTHERWISE = 5.6
_HOURS: dict[str, _Week] = {
    "FR": ((("09:00", "12:00"), ("14:00", "18:00")),) * 5 + ((), ()),
    "ES": ((("09:30", "14:00"), ("16:00", "19:00")),) * 5 + ((), ()),
    "DE": ((("08:30", "17:00"),),) * 5 + ((), ()),
}
_SATURDAY = (("10:00", "13:00"),)


def demo_plan(until: date) -> DemoPlan:
    """Lay out the demo that ends on `until`; the same date always gives the same plan."""
    start = _months_before(until, MONTHS)
    return DemoPlan(
        until=until,
        start=start,
        marketplaces=MARKETPLACES,
        sellers=tuple(Seller(c.id, c.name, c.country, _LANGUAGE[c.country]) for c in COMPANIES),
        shops=tuple(_shops(start, until)),
        strike_from=until - timedelta(days=56),
        strike_until=until - timedelta(days=47),
        outage_on=_outage_day(until),
        strike_excluded=frozenset({"hf-verrerie-du-lac", "hf-papeterie-colibri"}),
    )


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28))


def _outage_day(until: date) -> date:
    # In the middle of a working week, so that every shop of the marketplace ships on that day.
    day = until - timedelta(days=12)
    holidays = public_holidays("DE", day - timedelta(days=30), day)
    while day.weekday() not in {1, 2, 3} or day in holidays:
        day -= timedelta(days=1)
    return day


def _shops(start: date, until: date) -> Iterator[Shop]:
    rows = [(company, row) for company in COMPANIES for row in company.shops]
    for number, (company, row) in enumerate(rows):
        yield _shop(number, company, row, start=start, until=until)


def _shop(number: int, company: CompanyRow, row: ShopRow, *, start: date, until: date) -> Shop:
    place = next(place for place in MARKETPLACES if place.id == row.marketplace)
    return Shop(
        id=f"{place.prefix.lower()}-{_slug(row.name)}",
        name=row.name,
        marketplace=row.marketplace,
        seller_id=company.id,
        story=row.story,
        daily_orders=_daily_orders(row.story, number),
        quality=0.8 + 0.1 * (number * 7 % 5),
        hours=_hours(number, row.story, company.country, start=start, until=until),
        handling_days=1 + number % 2,
        accepts=number % 12 == 2,
        categories=tuple(CATEGORIES[(number * 3 + n) % len(CATEGORIES)] for n in range(1 + number % 3)),
    )


def _slug(name: str) -> str:
    plain = (
        name.lower().translate(str.maketrans("àâäéèêëíïîóôöúüûñç", "aaaeeeeiiiooouuunc")).replace("ß", "ss")
    )
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def _daily_orders(story: str, number: int) -> float:
    spread = 0.8 + 0.1 * (number % 5) if story == "small" else 1.0 + 0.04 * (number % 4)
    return _DAILY.get(story, _DAILY_OTHERWISE) * (1.0 if story == "tiny_noisy" else spread)


def _hours(number: int, story: str, country: str, *, start: date, until: date) -> Hours | None:
    if number % 4 == 3:
        return None
    week = _HOURS[country]
    if number % 5 == 0:
        week = (*week[:5], _SATURDAY, ())
    holidays = public_holidays(country, start - timedelta(days=31), until + timedelta(days=92))
    shut = _winter_break(start) if story == "small" and number % 3 == 0 else (None, None)
    return Hours(week, holidays, *shut)


def _winter_break(start: date) -> tuple[date, date]:
    # The first end of year that lies wholly inside the period.
    year = start.year if start < date(start.year, 12, 1) else start.year + 1
    return date(year, 12, 24), date(year + 1, 1, 2)
