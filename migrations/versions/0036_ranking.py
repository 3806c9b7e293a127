"""One index of scorecards in the order of the league table, in place of two."""

from __future__ import annotations

from operator_qos.online import create_index_online, drop_index_online

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_online("ix_scorecards_ranking", "scorecards",
                        ["metric_code", "verdict", "raw_value", "base", "shop_id", "value"])
    drop_index_online("ix_scorecards_metric_value", "scorecards")
    drop_index_online("ix_scorecards_verdict_shop", "scorecards")


def downgrade() -> None:
    create_index_online("ix_scorecards_metric_value", "scorecards",
                        ["metric_code", "shop_id", "verdict", "raw_value", "value", "base"])
    create_index_online("ix_scorecards_verdict_shop", "scorecards", ["verdict", "shop_id"])
    drop_index_online("ix_scorecards_ranking", "scorecards")
