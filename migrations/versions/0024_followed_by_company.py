"""A shop that went to another company may still be followed by the one before, until its programs are told."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BEFORE, AFTER = "uq_followed_obligations_shop_id_kind_ref", "uq_followed_obligations_seller_id_shop_id_kind_ref"


def _recreate() -> str:
    """SQLite writes the table anew, so that its text is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("followed_obligations", recreate=_recreate()) as table:
        table.drop_constraint(BEFORE, type_="unique")
        table.create_unique_constraint(AFTER, ["seller_id", "shop_id", "kind", "ref"])


def downgrade() -> None:
    op.execute("DELETE FROM followed_obligations WHERE seller_id <> "
               "(SELECT shops.seller_id FROM shops WHERE shops.id = followed_obligations.shop_id)")
    with op.batch_alter_table("followed_obligations", recreate=_recreate()) as table:
        table.drop_constraint(AFTER, type_="unique")
        table.create_unique_constraint(BEFORE, ["shop_id", "kind", "ref"])
