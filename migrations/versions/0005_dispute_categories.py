"""Disputes know the category of the goods, so that like cases are found by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("disputes", recreate=_recreate()) as batch:
        batch.add_column(sa.Column("category", sa.String(length=80)))
    op.execute(
        "UPDATE disputes SET category = (SELECT min(o.category) FROM order_facts o "
        "WHERE o.shop_id = disputes.shop_id AND o.order_ref = disputes.order_ref)")
    op.create_index("ix_disputes_decided_category", "disputes", ["kind", "reason", "category", "decided_at"])


def downgrade() -> None:
    op.drop_index("ix_disputes_decided_category", table_name="disputes")
    with op.batch_alter_table("disputes", recreate=_recreate()) as batch:
        batch.drop_column("category")
