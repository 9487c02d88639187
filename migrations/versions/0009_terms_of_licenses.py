"""Terms of licenses: entitlements, an end counted from the first use, transfers; and public signing keys."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ENTITLEMENTS = "key:download distill box:download"  # a hosted license has no more than distill, whatever stands here


def upgrade() -> None:
    op.add_column(
        "licenses", sa.Column("entitlements", sa.String(length=120), nullable=False, server_default=_ENTITLEMENTS)
    )
    op.add_column("licenses", sa.Column("valid_for_days", sa.Integer(), nullable=True))
    op.add_column("licenses", sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("licenses", sa.Column("end_told", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE licenses SET end_told = expires_at WHERE expires_at <= CURRENT_TIMESTAMP")  # old news
    op.add_column("licenses", sa.Column("transfers", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "past_holders",
        sa.Column("license_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.String(length=40), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["accounts.id"], name=op.f("fk_past_holders_customer_id")),
        sa.ForeignKeyConstraint(["license_id"], ["licenses.id"], name=op.f("fk_past_holders_license_id")),
        sa.PrimaryKeyConstraint("license_id", "number", name=op.f("pk_past_holders")),
    )
    op.create_index(op.f("ix_past_holders_customer_id"), "past_holders", ["customer_id"], unique=False)
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )


def downgrade() -> None:
    op.drop_table("signing_keys")
    op.drop_index(op.f("ix_past_holders_customer_id"), table_name="past_holders")
    op.drop_table("past_holders")
    for column in ("transfers", "end_told", "first_used_at", "valid_for_days", "entitlements"):
        op.drop_column("licenses", column)
