"""What a shop itself was told, like its opening hours, is found without reading its orders."""

from __future__ import annotations

from operator_qos.online import create_index_online, drop_index_online

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_online("ix_events_shop_itself", "events", ["shop_id"], where="dossier_id IS NULL")


def downgrade() -> None:
    drop_index_online("ix_events_shop_itself", "events")
