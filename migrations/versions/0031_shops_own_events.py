"""An index of the events about shops themselves: a batch asks for them by shop, and a shop may have very many others."""

from __future__ import annotations

from operator_qos.online import create_index_online, drop_index_online

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_online("ix_events_shop_itself", "events", ["shop_id"], where="dossier_id IS NULL")


def downgrade() -> None:
    drop_index_online("ix_events_shop_itself", "events")
