"""An index of the events about shops themselves: a batch asks for them by shop, and a shop may have very many others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

OWN = sa.text("dossier_id IS NULL")


def upgrade() -> None:
    op.create_index("ix_events_shop_itself", "events", ["shop_id"], sqlite_where=OWN, postgresql_where=OWN)


def downgrade() -> None:
    op.drop_index("ix_events_shop_itself", "events")
