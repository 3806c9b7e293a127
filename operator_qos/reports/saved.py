"""Saved exports and their subscribers as pages and programs see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.reports.models import ReportSubscription, SavedExport
from operator_qos.reports.rules import Filters, Wanted
from operator_qos.sellers.queries import list_shop_cards


@dataclass(frozen=True)
class ExportRow:
    """A saved export."""

    id: int
    public_id: str
    seller_id: int | None
    name: str
    sheet: str
    filters: Mapping[str, str]
    columns: tuple[str, ...]
    form: str
    made_by: str
    made_at: datetime

    @property
    def file_name(self) -> str:
        """How the file is called, on every machine."""
        plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "-" for sign in self.name)
        return f"{plain.strip('-')[:60] or self.sheet}.{self.form}"


@dataclass(frozen=True)
class SubscriptionRow:
    """Somebody's subscription to an export."""

    id: int
    export_id: int
    every: str
    next_at: datetime


def list_exports(session: Session, *, seller_id: int | None) -> list[ExportRow]:
    """The exports of a seller, or of the operator, by name."""
    owner = SavedExport.seller_id.is_(None) if seller_id is None else SavedExport.seller_id == seller_id
    rows = session.scalars(select(SavedExport).where(owner, SavedExport.ended_at.is_(None)).order_by(
        SavedExport.name, SavedExport.id))
    return [_to_export(row) for row in rows]


def find_export(session: Session, public_id: str, *, seller_id: int | None) -> ExportRow | None:
    """One export of a seller, or of the operator; None for anybody else's."""
    if "\x00" in public_id:
        return None
    row = session.scalar(select(SavedExport).where(SavedExport.public_id == public_id, SavedExport.ended_at.is_(None)))
    return None if row is None or row.seller_id != seller_id else _to_export(row)


def find_export_by_id(session: Session, export_id: int) -> ExportRow | None:
    """An export that was not ended."""
    row = session.get(SavedExport, export_id)
    return None if row is None or row.ended_at is not None else _to_export(row)


def _to_export(row: SavedExport) -> ExportRow:
    return ExportRow(row.id, row.public_id, row.seller_id, row.name, row.sheet, row.filters, tuple(row.columns),
                     row.form, row.made_by, row.made_at)


def to_wanted(session: Session, row: ExportRow) -> Wanted:
    """The table of an export, for the shops its owner has today."""
    shops = None if row.seller_id is None else tuple(
        card.id for card in list_shop_cards(session, seller_id=row.seller_id))
    return Wanted(row.sheet, Filters(shop_ids=shops, **row.filters), row.columns)


def list_subscriptions(session: Session, user_id: int) -> dict[int, SubscriptionRow]:
    """A person's subscriptions, by export."""
    columns = [getattr(ReportSubscription, name) for name in SubscriptionRow.__dataclass_fields__]
    rows = session.execute(select(*columns).where(
        ReportSubscription.user_id == user_id, ReportSubscription.next_at.is_not(None)))
    return {row.export_id: SubscriptionRow(*row) for row in rows}


def list_due(session: Session, *, now: datetime) -> list[int]:
    """Subscriptions to be sent, the longest due first."""
    due = select(ReportSubscription.id).where(ReportSubscription.next_at <= now)
    return list(session.scalars(due.order_by(ReportSubscription.next_at, ReportSubscription.id)))
