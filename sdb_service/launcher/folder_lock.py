"""One node on one embedded data folder: SQLite, the broker's folder and the files are for one machine."""

import fcntl
import os
from typing import IO

from sdb_service.errors import Conflict
from sdb_service.settings import Settings


def lock_folder(settings: Settings) -> IO[str] | None:
    """Hold the embedded data folder for this node, as long as the file is open; None where nothing is embedded.

    Raises:
        Conflict: a running node holds it.
    """
    if settings.database_url and not settings.embedded_broker:
        return None
    file = (settings.data_dir / "node.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise Conflict(
            "node_running",
            f"The data folder {settings.data_dir} is in use by a running node (process {holder}); stop it, give this "
            "one another SDB_DATA_DIR, or set SDB_DATABASE_URL and SDB_BROKER_URL to run on several machines.",
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
