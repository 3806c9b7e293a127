"""An order is found by its number alone."""

from __future__ import annotations

from operator_qos.online import create_index_online, drop_index_online

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_online("ix_order_facts_order", "order_facts", ["order_ref"])


def downgrade() -> None:
    drop_index_online("ix_order_facts_order", "order_facts")
