"""Builders of a small marketplace: shops, people, and outcomes of orders on given local days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from operator_qos.accounts.models import User
from operator_qos.clock import end_of_day_ms
from operator_qos.db import unit_of_work
from operator_qos.ledger.models import OrderFact, OutcomeRow
from operator_qos.sellers.models import Marketplace, Seller, Shop
from scoring.metrics import GROUP_CODES, METRICS
from scoring.spans import FOREVER_MS

ZONE = "Europe/Paris"
HOUR_MS = 3_600_000
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
PLACED = sum(METRICS[name].flag for name in ("order_defect_rate", "cancellation_rate"))


def end_ms(on: date) -> int:
    """The end of a local day of the test marketplace."""
    return end_of_day_ms(on, ZONE)


def settled(on: date, *, hours: int = 7) -> datetime:
    """A moment some hours after a local day has ended."""
    return datetime.fromtimestamp(end_ms(on) / 1000, UTC) + timedelta(hours=hours)


def build_marketplace(engine: Engine, *, shops: int = 1) -> None:
    """A marketplace `fr` whose shops 1..n belong to one seller with a French and an English reader."""
    with unit_of_work(engine) as session:
        session.add(Marketplace(id="fr", name="Halle", timezone=ZONE, buyer_key="00" * 32))
        session.add(Seller(id=1, code="c1", name="Company", country="FR", language="fr"))
        session.flush()
        session.add_all(
            [
                Shop(
                    id=number,
                    marketplace_id="fr",
                    code=f"s{number}",
                    seller_id=1,
                    name=f"Shop {number}",
                    opened_ms=end_ms(date(2025, 1, 1)),
                )
                for number in range(1, shops + 1)
            ]
        )
        session.add_all([_user("anne@example.org", "fr", 1), _user("bob@example.org", "en", 1)])


def _user(email: str, language: str, seller_id: int | None) -> User:
    return User(
        email=email,
        password_hash="x",
        name=email.split("@", maxsplit=1)[0].title(),
        role="seller_owner",
        language=language,
        seller_id=seller_id,
        created_at=CREATED,
    )


def late_orders(shop_id: int, on: date, *, base: int, bad: int, name: str = "A") -> list[OutcomeRow]:
    """Orders that had to ship on a day, the first `bad` of them late; each also placed that day."""
    noon = end_ms(on) - 12 * HOUR_MS
    return [
        row
        for number in range(base)
        for row in (
            outcome(shop_id, "ship", f"{name}-{on}-{number}", noon + number, bad=int(number < bad)),
            outcome(shop_id, "placed", f"{name}-{on}-{number}", noon + number, base=PLACED, bad=0),
        )
    ]


def outcome(  # the columns of one row
    shop_id: int,
    group: str,
    unit: str,
    anchor_ms: int,
    *,
    base: int = 1,
    bad: int = 0,
    from_ms: int | None = None,
    until_ms: int = FOREVER_MS,
    official_base: int | None = None,
    official_bad: int | None = None,
    buyer: str | None = "",
    order: str | None = "",
    dossier: int = 0,
) -> OutcomeRow:
    """One outcome row; buyer and order follow from the unit unless given, None for unknown ones."""
    return OutcomeRow(
        shop_id=shop_id,
        dossier_id=dossier,
        group_code=GROUP_CODES[group],
        unit=unit,
        anchor_ms=anchor_ms,
        from_ms=anchor_ms if from_ms is None else from_ms,
        until_ms=until_ms,
        base=base,
        bad=bad,
        official_base=base if official_base is None else official_base,
        official_bad=bad if official_bad is None else official_bad,
        amount=0,
        order_ref=unit if order == "" else order,
        buyer=f"b-{unit}" if buyer == "" else buyer,
    )


def store(engine: Engine, rows: Iterable[OutcomeRow]) -> None:
    """Write outcome rows, and the order facts of the placed ones."""
    kept = list(rows)
    facts = [
        OrderFact(
            shop_id=row.shop_id,
            dossier_id=0,
            order_ref=row.unit,
            fulfilment="seller",
            ordered_ms=row.anchor_ms,
        )
        for row in kept
        if row.group_code == GROUP_CODES["placed"]
    ]
    with unit_of_work(engine) as session:
        session.add_all([*kept, *facts])
