"""The precision that a box is served in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("precision", sa.String(length=16), nullable=False, server_default="float32"))
    op.add_column("boxes", sa.Column("int8_key", sa.String(length=255), nullable=True))
    op.add_column("boxes", sa.Column("int8_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for column in ("int8_sha256", "int8_key"):
        op.drop_column("boxes", column)
    op.drop_column("jobs", "precision")
