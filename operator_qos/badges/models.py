"""Which shops show their badge to the world, and which the operator took it back from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, UtcDateTime


class PublicBadge(Base):
    """A shop's choice to show its badge; without a row, or switched off, nobody learns anything."""

    __tablename__ = "public_badges"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    is_on: Mapped[bool]
    switched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    switched_by: Mapped[str] = mapped_column(String(254))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_why: Mapped[str] = mapped_column(String(500), default="")
