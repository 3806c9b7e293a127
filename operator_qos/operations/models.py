"""How the jobs went."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, UtcDateTime


class JobRun(Base):
    """One job of the scheduler: how often it ran and failed, and when it was last done."""

    __tablename__ = "job_runs"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    runs: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seconds: Mapped[float] = mapped_column(Float)
