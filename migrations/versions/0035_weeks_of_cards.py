"""The weeks of a scorecard as sums, which move by what changed; rows without them are added up once more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("scorecards", recreate=_recreate()) as table:
        table.add_column(sa.Column("weeks", sa.String(length=400), nullable=True))


def downgrade() -> None:
    # The version before draws its lines from `trend`, which is empty since: every card is written anew once.
    op.execute("UPDATE shops SET cards_ms = NULL")
    with op.batch_alter_table("scorecards") as table:
        table.drop_column("weeks")
