"""Mappings, imports that people start, and how rows that were set aside ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    op.create_table(
        "mappings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_by", sa.String(length=254), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mappings"),
        sa.UniqueConstraint("name", "version", name="uq_mappings_name_version"),
    )
    op.create_table(
        "import_runs",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("stored_as", sa.String(length=32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("marketplace", sa.String(length=200), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("mapping_id", sa.Integer()),
        sa.Column("change", sa.JSON()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=254), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("duplicate", sa.BigInteger(), nullable=False),
        sa.Column("conflict", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], name="fk_import_runs_mapping_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_runs"),
    )
    op.create_index("ix_import_runs_state_id", "import_runs", ["state", "id"])
    with op.batch_alter_table("quarantine", recreate=_recreate()) as batch:
        batch.add_column(sa.Column("mapping_id", sa.Integer()))
        batch.add_column(sa.Column("repaired", sa.Text()))
        batch.add_column(sa.Column("settled_by", sa.String(length=254)))
        batch.add_column(sa.Column("outcome", sa.String(length=10)))
    op.create_index("ix_quarantine_replayed_at_id", "quarantine", ["replayed_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_quarantine_replayed_at_id", "quarantine")
    with op.batch_alter_table("quarantine", recreate=_recreate()) as batch:
        for name in ("outcome", "settled_by", "repaired", "mapping_id"):
            batch.drop_column(name)
    op.drop_index("ix_import_runs_state_id", "import_runs")
    op.drop_table("import_runs")
    op.drop_table("mappings")
