"""The audit log under a key, with who and how it ended, and nothing in it changed or taken out again."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SENTENCE = "the audit log only grows: its rows are neither changed nor taken out"

_ON_SQLITE = {
    "audit_events_unchanged": "BEFORE UPDATE ON audit_events",
    "audit_events_undeleted": "BEFORE DELETE ON audit_events",
    # INSERT OR REPLACE takes a row out without its DELETE trigger.
    "audit_events_unreplaced": "BEFORE INSERT ON audit_events"
    " WHEN EXISTS (SELECT 1 FROM audit_events WHERE number = NEW.number OR id = NEW.id)",
}


def upgrade() -> None:
    op.add_column("audit_events", sa.Column("user_id", sa.String(length=40), nullable=True))
    op.add_column("audit_events", sa.Column("outcome", sa.String(length=8), nullable=False, server_default="done"))
    op.add_column("audit_events", sa.Column("version", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("audit_head", sa.Column("keyed_from", sa.Integer(), nullable=True))
    op.add_column("audit_head", sa.Column("proof", sa.String(length=64), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        for name, moment in _ON_SQLITE.items():
            op.execute(f"CREATE TRIGGER {name} {moment} BEGIN SELECT RAISE(ABORT, '{_SENTENCE}'); END")
        return
    op.execute(
        "CREATE FUNCTION audit_events_only_grow() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_SENTENCE}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_only_grow()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in _ON_SQLITE:
            op.execute(f"DROP TRIGGER {name}")
    else:
        op.execute("DROP TRIGGER audit_events_only_grow ON audit_events")
        op.execute("DROP FUNCTION audit_events_only_grow()")
    for table, column in (
        ("audit_head", "proof"),
        ("audit_head", "keyed_from"),
        ("audit_events", "version"),
        ("audit_events", "outcome"),
        ("audit_events", "user_id"),
    ):
        op.drop_column(table, column)
