"""Alembic migrations: `upgrade(settings)` brings the database to the newest form."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from sdb_service.settings import Settings


def upgrade(settings: Settings, *, revision: str = "head") -> None:
    """Bring the database that the settings name to `revision`; safe to call from several processes at once."""
    command.upgrade(config(settings), revision)


def config(settings: Settings) -> Config:
    """Alembic's configuration for these settings, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["settings"] = settings
    return made
