"""Who changed what, when and why. Rows are appended, then sealed into a chain; the database refuses to change them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, JSON, ForeignKey, String, event
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class AuditRow(Base):
    __tablename__ = "audit_rows"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(254), index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    why: Mapped[str] = mapped_column(String(2000), default="")
    origin: Mapped[str] = mapped_column(String(64), default="")


class AuditSeal(Base):
    """A row's place in the chain. The order is that of sealing: a row committed late comes after rows of higher ids."""

    __tablename__ = "audit_seals"

    position: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)  # 1, 2, 3 without a gap
    row_id: Mapped[int] = mapped_column(ForeignKey("audit_rows.id"), unique=True)
    hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)


FUNCTION = """CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''the audit trail is only ever added to''; END'"""
POSTGRESQL = ("CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
              "FOR EACH STATEMENT EXECUTE FUNCTION keep_audit()")
SQLITE = ("CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
          "BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever added to'); END")


def _protect() -> None:
    """Let the database refuse what would change or remove a row, where tables are made without a migration."""
    _after_creating(AuditRow, FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"), "postgresql")
    for model in (AuditRow, AuditSeal):
        _after_creating(model, POSTGRESQL.format(table=model.__tablename__), "postgresql")
        for verb in ("update", "delete"):
            _after_creating(model, SQLITE.format(table=model.__tablename__, verb=verb), "sqlite")


def _after_creating(model: type[Base], statement: str, dialect: str) -> None:
    ddl = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    event.listen(model.__table__, "after_create", ddl.execute_if(dialect=dialect))


_protect()
