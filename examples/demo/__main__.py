"""`python3 run.py demo`: everything over HTTP against a service started for it, on the embedded default."""

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from examples.demo import evidence, service, story
from sdb_client import SDBError


def main() -> int:
    given = _arguments()
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end stops the service too
    folder = Path(tempfile.mkdtemp(prefix="sdb-demo-"))
    started = time.monotonic()
    try:
        with service.running(folder, port=given.port, console=console) as place:
            facts = story.tell(place, console=console)
            facts.seconds = round(time.monotonic() - started, 1)
            Console().print(evidence.tables(facts.report))
            _write(given.json, facts)
            console.print(f"The whole story took {facts.seconds:.0f} s.")
            if given.keep:
                _keep(place, console)
    except (SDBError, service.DemoFailed) as error:
        console.print(f"[red]The demo failed:[/red] {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py demo", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report and the ids to FILE")
    parser.add_argument("--port", type=int, default=0, help="port of the API; a free one where left out")
    parser.add_argument(
        "--keep", action="store_true", help="leave the service running and print the dashboard's address"
    )
    return parser.parse_args()


def _write(path: Path | None, facts: story.Facts) -> None:
    if path is None:
        return
    whole = facts.report | {
        "api": facts.api,
        "job_id": facts.job_id,
        "box_id": facts.box_id,
        "license_id": facts.license_id,
        "seconds": facts.seconds,
    }
    path.write_text(json.dumps(whole, indent=2) + "\n")


def _keep(place: service.Place, console: Console) -> None:
    link = place.provider.login_link()
    console.print("\nThe service goes on. Its dashboard, by a link that works once and for 15 minutes:")
    console.print(f"  {link.url}", soft_wrap=True)
    console.print("End it with Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
