"""Where the node of a data folder is reached, so that commands beside it need not be told."""

from pathlib import Path

from sdb_service.settings import Settings


def note_address(settings: Settings, url: str) -> None:
    """Leave the node's public address in its data folder."""
    _note(settings).write_text(url, encoding="ascii")


def forget_address(settings: Settings) -> None:
    """Take it away again, when the node stops."""
    _note(settings).unlink(missing_ok=True)


def public_address(settings: Settings) -> str:
    """The address that the settings name; where they name none, that of the running node, else the usual one."""
    note = _note(settings)
    if "public_url" not in settings.model_fields_set and note.is_file():
        return note.read_text(encoding="ascii").strip()
    return settings.public_url


def _note(settings: Settings) -> Path:
    return settings.data_dir / "node.url"
