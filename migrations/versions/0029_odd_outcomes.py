"""What counts against a shop, or was forgiven, found without reading everything that was in order.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_ODD = "bad <> 0 OR official_bad <> 0 OR official_base <> base"


def upgrade() -> None:
    op.create_index("ix_outcomes_odd", "outcomes", ["shop_id", "group_code", "anchor_ms"],
                    sqlite_where=sa.text(_ODD), postgresql_where=sa.text(_ODD))


def downgrade() -> None:
    op.drop_index("ix_outcomes_odd", "outcomes")
