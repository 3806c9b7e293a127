"""Official runs, what they decided, and where each shop stands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class EvaluationRun(Base):
    """The official evaluation of one marketplace by one standard for one date: done once, never computed again."""

    __tablename__ = "evaluation_runs"
    __table_args__ = (UniqueConstraint("marketplace_id", "on_date", "standard_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"))
    on_date: Mapped[date] = mapped_column(Date)
    as_of_ms: Mapped[int] = mapped_column(BigInteger)
    known_at_ms: Mapped[int] = mapped_column(BigInteger)
    standard_id: Mapped[str] = mapped_column(String(60))
    standard_version: Mapped[int]
    shops: Mapped[int]
    ran_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EvaluationResult(Base):
    """One shop, one metric, as officially decided: numbers, verdict and the units behind them."""

    __tablename__ = "evaluation_results"
    __table_args__ = (Index("ix_evaluation_results_shop_metric", "shop_id", "metric"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("evaluation_runs.id"), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True)
    metric: Mapped[str] = mapped_column(String(60), primary_key=True)  # of a standard that is not plain: the rule
    window_start_ms: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int]
    base: Mapped[int]
    raw_bad: Mapped[int]
    raw_base: Mapped[int]
    buyers: Mapped[int]
    value: Mapped[float | None] = mapped_column(Float)
    verdict: Mapped[str] = mapped_column(String(16))
    units: Mapped[list[str]] = mapped_column(JSON)  # the bad units


class ShopStanding(Base):
    """Where a shop stands after its last official run."""

    __tablename__ = "shop_standings"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    level: Mapped[str] = mapped_column(String(60))
    badges: Mapped[list[str]] = mapped_column(JSON)
    episodes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    warning: Mapped[int] = mapped_column(default=0)  # the highest warning in force
    since_on: Mapped[date] = mapped_column(Date)
    decided_on: Mapped[date] = mapped_column(Date)
    standard_id: Mapped[str] = mapped_column(String(60), default="ours")
    standard_version: Mapped[int] = mapped_column(default=1)
    # What a standard with more than levels and warnings remembers: strikes, points, runs (scoring.progress).
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # What the rules decided, while some of it is held and not in force (level, badges, episodes, warning, since_on).
    decided: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class StandingChange(Base):
    """One change of a shop's standing, appended with its reasons and never edited."""

    __tablename__ = "standing_changes"
    __table_args__ = (Index("ix_standing_changes_shop_on", "shop_id", "on_date"),
                      Index("ix_standing_changes_on", "on_date"),
                      Index("ix_standing_changes_new", "shop_id", sqlite_where=text("state = 'new'"),
                            postgresql_where=text("state = 'new'")))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("evaluation_runs.id"))
    on_date: Mapped[date] = mapped_column(Date)
    kind: Mapped[str] = mapped_column(String(20))
    metric: Mapped[str | None] = mapped_column(String(80))
    before: Mapped[str | None] = mapped_column(String(60))
    after: Mapped[str | None] = mapped_column(String(60))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # rule, numbers, verdict, units
    standard_id: Mapped[str] = mapped_column(String(60))
    standard_version: Mapped[int]
    automated: Mapped[bool] = mapped_column(default=True)
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # new until its acts are made; then in_force, held or dropped, as they are
    state: Mapped[str] = mapped_column(String(10), default="in_force", server_default="in_force")


class LiveStanding(Base):
    """Where a shop under a standard that is not plain would stand if it were judged now, and on its next date.

    The next official date is told twice, with every promise that falls due by then kept, and with every one missed;
    None where figures rest on what only the answers will tell (`untold`, rules and figures by id).
    """

    __tablename__ = "live_standings"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    standard_id: Mapped[str] = mapped_column(String(60))
    standard_version: Mapped[int]
    as_of_ms: Mapped[int] = mapped_column(BigInteger)
    level: Mapped[str] = mapped_column(String(60))
    next_on: Mapped[date | None] = mapped_column(Date)
    open_count: Mapped[int]
    kept_level: Mapped[str | None] = mapped_column(String(60))
    missed_level: Mapped[str | None] = mapped_column(String(60))
    untold: Mapped[list[str]] = mapped_column(JSON)


class LiveRule(Base):
    """What one rule that is not plain says of a shop now, and of its next official date as `LiveStanding` has it."""

    __tablename__ = "live_rules"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    rule: Mapped[str] = mapped_column(String(260), primary_key=True)  # its id; of a shop judged in parts with the part
    bad: Mapped[int]
    base: Mapped[int]
    value: Mapped[float | None] = mapped_column(Float)
    verdict: Mapped[str] = mapped_column(String(16))
    kept_value: Mapped[float | None] = mapped_column(Float)
    kept_verdict: Mapped[str | None] = mapped_column(String(16))
    missed_value: Mapped[float | None] = mapped_column(Float)
    missed_verdict: Mapped[str | None] = mapped_column(String(16))
