"""What each source sent, counted while it is taken in: new counts are appended, a job adds them up."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Date, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey


class SourceArrival(Base):
    """Counts of one batch. Appended only, so that no two writers ever wait for each other's row."""

    __tablename__ = "source_arrivals"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(200))
    what: Mapped[str] = mapped_column(String(80))  # see sources.rules
    on_date: Mapped[date] = mapped_column(Date)
    count: Mapped[int] = mapped_column(BigInteger)
    last_ms: Mapped[int] = mapped_column(BigInteger)


class SourceCount(Base):
    """The counts of a day, added up so far."""

    __tablename__ = "source_counts"

    marketplace_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    what: Mapped[str] = mapped_column(String(80), primary_key=True)
    on_date: Mapped[date] = mapped_column(Date, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    last_ms: Mapped[int] = mapped_column(BigInteger)
