"""Which standard binds which shop: traits of shops, one official run per standard and date, what standards remember."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ONE_RUN = "uq_evaluation_runs_marketplace_id_on_date"


def upgrade() -> None:
    op.create_table(
        "shop_traits",
        sa.Column("shop_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("traits", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_shop_traits_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", "from_on", name="pk_shop_traits"),
    )
    with op.batch_alter_table("evaluation_runs") as runs:
        runs.drop_constraint(ONE_RUN, type_="unique")
        runs.create_unique_constraint(f"{ONE_RUN}_standard_id", ["marketplace_id", "on_date", "standard_id"])
    _widen(60, 80)
    with op.batch_alter_table("shop_standings") as standings:
        standings.add_column(sa.Column("standard_id", sa.String(length=60), nullable=False, server_default="ours"))
        standings.add_column(sa.Column("standard_version", sa.Integer(), nullable=False, server_default="1"))
        standings.add_column(sa.Column("progress", sa.JSON()))
    with op.batch_alter_table("shop_standings") as standings:
        standings.alter_column("standard_id", server_default=None)
        standings.alter_column("standard_version", server_default=None)


def _widen(words: int, subjects: int) -> None:
    """Rules, levels and badges are named by whoever writes the standard."""
    with op.batch_alter_table("evaluation_results") as results:
        results.alter_column("metric", type_=sa.String(length=words), existing_nullable=False)
    with op.batch_alter_table("shop_standings") as standings:
        standings.alter_column("level", type_=sa.String(length=words if words > 40 else 20), existing_nullable=False)
    with op.batch_alter_table("standing_changes") as changes:
        changes.alter_column("metric", type_=sa.String(length=subjects))
        changes.alter_column("before", type_=sa.String(length=words))
        changes.alter_column("after", type_=sa.String(length=words))


def downgrade() -> None:
    with op.batch_alter_table("shop_standings") as standings:
        for name in ("progress", "standard_version", "standard_id"):
            standings.drop_column(name)
    _widen(40, 40)
    with op.batch_alter_table("evaluation_runs") as runs:
        runs.drop_constraint(f"{ONE_RUN}_standard_id", type_="unique")
        runs.create_unique_constraint(ONE_RUN, ["marketplace_id", "on_date"])
    op.drop_table("shop_traits")
