"""Budgets of images: shared by all server processes, and chosen for a box and for a license."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_budgets",
        sa.Column("payer", sa.String(length=64), nullable=False),
        sa.Column("window", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("payer", "window", name=op.f("pk_image_budgets")),
    )
    op.add_column("boxes", sa.Column("images_per_minute", sa.Integer(), nullable=True))
    op.add_column("licenses", sa.Column("images_per_minute", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("licenses") as batch_op:
        batch_op.drop_column("images_per_minute")
    with op.batch_alter_table("boxes") as batch_op:
        batch_op.drop_column("images_per_minute")
    op.drop_table("image_budgets")
