"""Builds of the lake, and which shops live there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, UtcDateTime


class LakeBuild(Base):
    """A build whose results are in the database; its rows stay in the folder."""

    __tablename__ = "lake_builds"

    id: Mapped[int] = mapped_column(primary_key=True)
    engine: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(1000))
    folder: Mapped[str] = mapped_column(String(1000))
    as_of: Mapped[str] = mapped_column(String(40))  # T as asked for: a date or an instant
    events: Mapped[int] = mapped_column(BigInteger)
    dossiers: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    built_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LakeShop(Base):
    """A shop whose events are in the lake, and the build its numbers come from."""

    __tablename__ = "lake_shops"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    build_id: Mapped[int] = mapped_column(ForeignKey("lake_builds.id"), index=True)
