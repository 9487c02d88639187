"""The method alone, with no service: `python -m sdb_core train | wrap | distill | evaluate | attack | report`.

`torchrun --nproc-per-node 2 -m sdb_core wrap ...` (train, distill likewise) trains in several processes.
"""

import argparse
import json
import sys

import torch

from sdb_core.commands import judging, making, reporting
from sdb_core.errors import CoreError, InvalidSettings
from sdb_core.training import Team, joined_team


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Exit code 0: done; 1: refused or failed, with the cure on stderr; 2: wrong usage."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    given.team = Team()
    try:
        with joined_team(given.device) as (given.team, given.device):
            _check_team(given)
            answer = given.command(given)
    except CoreError as error:
        if given.json and given.team.leads:
            print(json.dumps({"error": {"code": error.code, "message": error.message}}))
        if given.team.leads:
            print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    if given.team.leads:
        print(json.dumps(answer, indent=2) if given.json else given.show(answer))
    return 0


def _check_team(given: argparse.Namespace) -> None:
    if given.team.size > 1 and given.command not in making.COMMANDS:
        raise InvalidSettings("torchrun is for train, wrap and distill; run this command with python -m sdb_core.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sdb_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    making.add_to(commands)
    judging.add_to(commands)
    reporting.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
