"""Quotas: limits of accounts, and what a job reserves and stores."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_quotas",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("turns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_quotas")),
    )
    op.add_column("jobs", sa.Column("reserved_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("stored_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    # Of the boxes made before, the ONNX file's size is known, and the checkpoint has the same numbers in it.
    op.execute(
        "UPDATE jobs SET stored_bytes = (SELECT 2 * onnx_bytes FROM boxes WHERE boxes.job_id = jobs.id) "
        "WHERE id IN (SELECT job_id FROM boxes)"
    )


def downgrade() -> None:
    for column in ("stored_bytes", "reserved_bytes"):
        op.drop_column("jobs", column)
    op.drop_table("account_quotas")
