"""Requests to forgive something, what was decided on them, and faults that many sellers shared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def _column(name: str, kind: sa.types.TypeEngine, *, null: bool = False) -> sa.Column:
    return sa.Column(name, kind, nullable=null)


def _create_requests() -> None:
    op.create_table(
        "exclusion_requests",
        _column("id", BIG_KEY),
        _column("shop_id", sa.Integer()),
        _column("cause", sa.String(length=40)),
        _column("body", sa.Text()),
        _column("token", sa.String(length=40)),
        _column("asked_at", MOMENT),
        _column("asked_by", sa.String(length=254)),
        _column("state", sa.String(length=10)),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_exclusion_requests_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion_requests"),
        sa.UniqueConstraint("shop_id", "token", name="uq_exclusion_requests_shop_id_token"),
    )
    op.create_index("ix_exclusion_requests_shop_id", "exclusion_requests", ["shop_id"])
    op.create_index("ix_exclusion_requests_asked", "exclusion_requests", ["asked_at"])
    op.create_table(
        "exclusion_rounds",
        _column("id", BIG_KEY),
        _column("request_id", BIG_KEY),
        _column("number", sa.SmallInteger()),
        _column("opened_at", MOMENT),
        _column("opened_by", sa.String(length=254)),
        _column("body", sa.Text()),
        _column("due_at", MOMENT),
        _column("decided_at", MOMENT, null=True),
        _column("decided_by", sa.String(length=254), null=True),
        _column("outcome", sa.String(length=10), null=True),
        _column("why", sa.Text(), null=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["exclusion_requests.id"], name="fk_exclusion_rounds_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion_rounds"),
        sa.UniqueConstraint("request_id", "number", name="uq_exclusion_rounds_request_id_number"),
    )
    op.create_index("ix_exclusion_rounds_due", "exclusion_rounds", ["decided_at", "due_at"])
    op.create_index("ix_exclusion_rounds_opened", "exclusion_rounds", ["opened_at"])


def _create_incidents() -> None:
    op.create_table(
        "fault_incidents",
        _column("id", BIG_KEY),
        _column("marketplace_id", sa.String(length=200)),
        _column("open_key", sa.String(length=400), null=True),
        _column("metric", sa.String(length=60)),
        _column("dimension", sa.String(length=20)),
        _column("value", sa.String(length=200)),
        _column("first_on", sa.Date()),
        _column("last_on", sa.Date()),
        _column("cause", sa.String(length=40)),
        _column("state", sa.String(length=10)),
        _column("numbers", sa.JSON(), null=True),
        _column("effects", sa.JSON(), null=True),
        _column("found_at", MOMENT),
        _column("updated_at", MOMENT),
        _column("made_by", sa.String(length=254)),
        _column("decided_at", MOMENT, null=True),
        _column("decided_by", sa.String(length=254), null=True),
        _column("why", sa.Text()),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_fault_incidents_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_fault_incidents"),
        sa.UniqueConstraint("open_key", name="uq_fault_incidents_open_key"),
    )
    op.create_index("ix_fault_incidents_state", "fault_incidents", ["state", "marketplace_id"])
    op.create_table(
        "fault_searches",
        _column("marketplace_id", sa.String(length=200)),
        _column("searched_on", sa.Date()),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_fault_searches_marketplace_id"),
        sa.PrimaryKeyConstraint("marketplace_id", name="pk_fault_searches"),
    )


def _create_parts() -> None:
    op.create_table(
        "exclusion_items",
        _column("id", BIG_KEY),
        _column("request_id", BIG_KEY, null=True),
        _column("incident_id", BIG_KEY, null=True),
        _column("shop_id", sa.Integer()),
        _column("thing", sa.String(length=900)),
        _column("order_ref", sa.String(length=200), null=True),
        _column("began_at", MOMENT),
        _column("due_ms", sa.BigInteger()),
        _column("scope", sa.String(length=4)),
        _column("state", sa.String(length=10)),
        sa.ForeignKeyConstraint(["request_id"], ["exclusion_requests.id"], name="fk_exclusion_items_request_id"),
        sa.ForeignKeyConstraint(["incident_id"], ["fault_incidents.id"], name="fk_exclusion_items_incident_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_exclusion_items_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion_items"),
    )
    op.create_index("ix_exclusion_items_request_id", "exclusion_items", ["request_id"])
    op.create_index("ix_exclusion_items_incident_id", "exclusion_items", ["incident_id"])
    op.create_index("ix_exclusion_items_shop_thing", "exclusion_items", ["shop_id", "thing"])
    is_open = sa.text("state = 'open'")
    op.create_index("uq_exclusion_items_open", "exclusion_items", ["shop_id", "thing"], unique=True,
                    sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "exclusion_files",
        _column("id", BIG_KEY),
        _column("request_id", BIG_KEY),
        _column("round_number", sa.SmallInteger()),
        _column("name", sa.String(length=200)),
        _column("media_type", sa.String(length=60)),
        _column("size", sa.BigInteger()),
        _column("sha256", sa.String(length=64)),
        _column("stored_as", sa.String(length=40)),
        sa.ForeignKeyConstraint(["request_id"], ["exclusion_requests.id"], name="fk_exclusion_files_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion_files"),
    )
    op.create_index("ix_exclusion_files_request_id", "exclusion_files", ["request_id"])


def upgrade() -> None:
    _create_requests()
    _create_incidents()
    _create_parts()


def downgrade() -> None:
    for table in ("exclusion_files", "exclusion_items", "fault_searches", "fault_incidents", "exclusion_rounds",
                  "exclusion_requests"):
        op.drop_table(table)
