"""Saved exports and who is sent them, files in mails, and how jobs went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _recreate() -> str:
    """SQLite writes the table anew, so that its text is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    op.create_table(
        "saved_exports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("seller_id", sa.Integer()),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sheet", sa.String(length=20), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("form", sa.String(length=10), nullable=False),
        sa.Column("made_by", sa.String(length=254), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_saved_exports_seller_id"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_exports"),
        sa.UniqueConstraint("public_id", name="uq_saved_exports_public_id"),
    )
    op.create_index("ix_saved_exports_seller_id", "saved_exports", ["seller_id"])
    op.create_table(
        "report_subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("every", sa.String(length=5), nullable=False),
        sa.Column("next_at", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.ForeignKeyConstraint(["export_id"], ["saved_exports.id"], name="fk_report_subscriptions_export_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_report_subscriptions_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_report_subscriptions"),
    )
    op.create_index("ix_report_subscriptions_export_id", "report_subscriptions", ["export_id"])
    op.create_index("ix_report_subscriptions_next", "report_subscriptions", ["next_at"])
    with op.batch_alter_table("outbox_mails", recreate=_recreate()) as table:
        table.add_column(sa.Column("attachment", sa.LargeBinary()))
        table.add_column(sa.Column("attachment_name", sa.String(length=120)))
        table.add_column(sa.Column("attachment_type", sa.String(length=100)))
    op.create_table(
        "job_runs",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("last_done_at", MOMENT),
        sa.Column("last_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_job_runs"),
    )


def downgrade() -> None:
    op.drop_table("job_runs")
    with op.batch_alter_table("outbox_mails", recreate=_recreate()) as table:
        for name in ("attachment_type", "attachment_name", "attachment"):
            table.drop_column(name)
    op.drop_table("report_subscriptions")
    op.drop_table("saved_exports")
