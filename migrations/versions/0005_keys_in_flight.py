"""Kappa of a job in flight, under the workers' own key."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("kappa_in_flight", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "kappa_in_flight")
