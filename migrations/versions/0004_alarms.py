"""Alarms of the extraction monitor."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("box_id", sa.String(length=40), nullable=False),
        sa.Column("payer", sa.String(length=40), nullable=False),
        sa.Column("caller_id", sa.String(length=40), nullable=True),
        sa.Column("network", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["box_id"], ["boxes.id"], name=op.f("fk_alarms_box_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sa.UniqueConstraint("box_id", "payer", "kind", "day", name=op.f("uq_alarms_box_id_payer_kind_day")),
    )
    op.create_index(op.f("ix_alarms_account_id"), "alarms", ["account_id"], unique=False)
    op.create_index(op.f("ix_alarms_box_id"), "alarms", ["box_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_alarms_box_id"), table_name="alarms")
    op.drop_index(op.f("ix_alarms_account_id"), table_name="alarms")
    op.drop_table("alarms")
