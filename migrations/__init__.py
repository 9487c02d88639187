"""Alembic migrations: `upgrade(settings)` brings the database to the newest form."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from sdb_service.settings import Settings


def upgrade(settings: Settings, *, revision: str = "head") -> None:
    """Bring the database that the settings name to `revision`; safe to call from several processes at once."""
    command.upgrade(config(settings), revision)


def newest() -> str:
    """The revision that this version of the service needs."""
    script = Config()
    script.set_main_option("script_location", str(Path(__file__).parent))
    found = ScriptDirectory.from_config(script).get_current_head()
    assert found is not None
    return found


def config(settings: Settings) -> Config:
    """Alembic's configuration for these settings, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["settings"] = settings
    return made
