"""Webhooks that marketplaces' programs send us: who may send them, and which came already."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, UtcDateTime


class Receiver(Base):
    """An address of ours for the webhooks of one program, with the secret they are signed with."""

    __tablename__ = "receivers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    kind: Mapped[str] = mapped_column(String(20))  # how its bodies are read: receiving.service.KINDS
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"))
    shop: Mapped[str] = mapped_column(String(200), default="")  # for what names no shop
    secret: Mapped[str] = mapped_column(String(100))
    # The secret before the last exchange goes on for a while.
    previous_secret: Mapped[str | None] = mapped_column(String(100))
    previous_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReceivedHook(Base):
    """A webhook that was taken in; sent again, it is answered and changes nothing."""

    __tablename__ = "received_hooks"

    receiver_id: Mapped[int] = mapped_column(ForeignKey("receivers.id"), primary_key=True, autoincrement=False)
    message_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
