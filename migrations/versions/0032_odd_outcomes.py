"""What counts against a shop, or was forgiven it, is found without reading what went well."""

from __future__ import annotations

from operator_qos.online import create_index_online, drop_index_online

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_online("ix_outcomes_odd", "outcomes", ["shop_id", "group_code", "anchor_ms"],
                        where="bad <> 0 OR official_bad <> 0 OR official_base <> base")


def downgrade() -> None:
    drop_index_online("ix_outcomes_odd", "outcomes")
