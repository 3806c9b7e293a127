"""Lists of disputes are sorted and counted on an index."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LISTS = ["state", "mediator_id", "broken_at", "decision_due_at", "seller_due_at", "amount_minor", "shop_id"]


def upgrade() -> None:
    op.create_index("ix_disputes_lists", "disputes", LISTS)
    op.create_index("ix_disputes_ended", "disputes", ["opened_at", "state"])


def downgrade() -> None:
    op.drop_index("ix_disputes_ended", table_name="disputes")
    op.drop_index("ix_disputes_lists", table_name="disputes")
