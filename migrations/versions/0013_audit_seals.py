"""The audit trail becomes a chain, and the database refuses to change what was written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("audit_rows", "audit_seals")
VERBS = ("update", "delete")
FUNCTION = """CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''the audit trail is only ever added to''; END'"""
POSTGRESQL = ("CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
              "FOR EACH STATEMENT EXECUTE FUNCTION keep_audit()")
SQLITE = ("CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
          "BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever added to'); END")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def upgrade() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("position", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["row_id"], ["audit_rows.id"], name="fk_audit_seals_row_id"),
        sa.PrimaryKeyConstraint("position", name="pk_audit_seals"),
        sa.UniqueConstraint("row_id", name="uq_audit_seals_row_id"),
    )
    if _is_postgresql():
        op.execute(FUNCTION)
    for table in TABLES:
        if _is_postgresql():
            op.execute(POSTGRESQL.format(table=table))
            continue
        for verb in VERBS:
            op.execute(SQLITE.format(table=table, verb=verb))


def downgrade() -> None:
    for table in TABLES:
        if _is_postgresql():
            op.execute(f"DROP TRIGGER {table}_kept ON {table}")
            continue
        for verb in VERBS:
            op.execute(f"DROP TRIGGER {table}_no_{verb}")
    if _is_postgresql():
        op.execute("DROP FUNCTION keep_audit()")
    op.drop_table("audit_seals")
