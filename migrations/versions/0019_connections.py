"""Connections to platforms: what was read of them, what they were asked for, how their figures compare with ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
TABLES = ("figure_counts", "figure_differences", "connection_wishes", "connection_runs", "connection_things",
          "connection_cursors", "connections")


def upgrade() -> None:
    op.create_table(
        "connections",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("token_address", sa.String(length=500), nullable=False),
        sa.Column("client_id", sa.String(length=200), nullable=False),
        sa.Column("key_variable", sa.String(length=100), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("claimed_until", MOMENT),
        sa.Column("read_at", MOMENT),
        sa.Column("compared_on", sa.Date()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("what_to_do", sa.String(length=500), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_connections_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
        sa.UniqueConstraint("name", name="uq_connections_name"),
    )
    op.create_index("ix_connections_marketplace_id", "connections", ["marketplace_id"])
    op.create_index("ix_connections_next_at", "connections", ["next_at"])
    op.create_table(
        "connection_cursors",
        sa.Column("connection_id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_connection_cursors_connection_id"),
        sa.PrimaryKeyConstraint("connection_id", "stream", name="pk_connection_cursors"),
    )
    op.create_table(
        "connection_things",
        sa.Column("connection_id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_connection_things_connection_id"),
        sa.PrimaryKeyConstraint("connection_id", "stream", "key", name="pk_connection_things"),
    )
    op.create_index("ix_connection_things_touched_at", "connection_things", ["touched_at"])
    op.create_table(
        "connection_runs",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("connection_id", BIG_KEY, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.Column("set_aside", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_connection_runs_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_connection_runs"),
    )
    op.create_index("ix_connection_runs_connection_id_id", "connection_runs", ["connection_id", "id"])
    op.create_table(
        "connection_wishes",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("connection_id", BIG_KEY, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("shop", sa.String(length=200), nullable=False),
        sa.Column("wanted", sa.String(length=20), nullable=False),
        sa.Column("until_at", MOMENT),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_connection_wishes_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_connection_wishes"),
        sa.UniqueConstraint("connection_id", "key", name="uq_connection_wishes_connection_id_key"),
    )
    op.create_index("ix_connection_wishes_state_next_at", "connection_wishes", ["state", "next_at"])
    op.create_table(
        "figure_differences",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("connection_id", BIG_KEY, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("shop", sa.String(length=200), nullable=False),
        sa.Column("figure", sa.String(length=60), nullable=False),
        sa.Column("period", sa.String(length=30), nullable=False),
        sa.Column("theirs", sa.Float()),
        sa.Column("ours", sa.Float()),
        sa.Column("bad", sa.Float(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=30), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_figure_differences_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_figure_differences"),
    )
    op.create_index("ix_figure_differences_connection_id_on_date", "figure_differences", ["connection_id", "on_date"])
    op.create_table(
        "figure_counts",
        sa.Column("connection_id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("equal", sa.Integer(), nullable=False),
        sa.Column("unexplained", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_figure_counts_connection_id"),
        sa.PrimaryKeyConstraint("connection_id", "on_date", name="pk_figure_counts"),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
