"""What a token may do, who made it, and when it was used last."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("scopes", sa.JSON(), nullable=True))
    op.add_column("tokens", sa.Column("rank", sa.String(length=16), nullable=False, server_default="owner"))
    op.add_column("tokens", sa.Column("user_id", sa.String(length=40), nullable=True))
    op.add_column("tokens", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_tokens_user_id"), table_name="tokens")
    for column in ("last_used_at", "user_id", "rank", "scopes"):
        op.drop_column("tokens", column)
