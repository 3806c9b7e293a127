"""An act knows what it ends and how; the batch it was decided in was never asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# A table made anew keeps only the checks it is told of.
CHECKS = (
    sa.CheckConstraint(
        "NOT is_adverse OR state IN ('held', 'refused', 'dropped') OR statement_id IS NOT NULL", name="ck_acts_stated"),
    sa.CheckConstraint(
        "NOT needs_two OR state IN ('held', 'refused', 'dropped') OR (approved_by IS NOT NULL "
        "AND second_by IS NOT NULL AND approved_by <> second_by)", name="ck_acts_two_people"),
)
ACTS = sa.table("acts", sa.column("scope", sa.JSON()), sa.column("ends", sa.String()), sa.column("ends_as", sa.String()))


def upgrade() -> None:
    with _acts() as acts:
        acts.drop_column("batch")
        acts.add_column(sa.Column("ends", sa.String(length=100), nullable=False, server_default=""))
        acts.add_column(sa.Column("ends_as", sa.String(length=10)))
    with _acts() as acts:
        acts.alter_column("ends", server_default=None)
    # What an act under way ends stood among its scope.
    op.execute(ACTS.update().values(
        ends=sa.func.coalesce(ACTS.c.scope["ends"].as_string(), ""), ends_as=ACTS.c.scope["ends_as"].as_string()))


def downgrade() -> None:
    with _acts() as acts:
        acts.drop_column("ends_as")
        acts.drop_column("ends")
        acts.add_column(sa.Column("batch", sa.String(length=254), nullable=False, server_default=""))
    with _acts() as acts:
        acts.alter_column("batch", server_default=None)


def _acts() -> AbstractContextManager[BatchOperations]:
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    return op.batch_alter_table("acts", recreate=recreate, table_args=CHECKS)
