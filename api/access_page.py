"""`docs/access.md`: the policy as a page. Written by `python -m api.access_page > docs/access.md`."""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from api import policy
from api.access import actions_of
from api.app import create_app
from api.policy import Reach, Rule
from sdb_service.runtime import open_runtime
from sdb_service.settings import Settings

_HEAD = """# Who may do what

Written from `api/policy.py` by `python -m api.access_page`; a test says when it is stale. Every route stands under one
row, and the service does not start with a route that stands under none.

Who: an **admin** runs the service; a provider's account has **owners** and **members**; a **customer** holds licenses;
the **public** sends no token. What a cell says:

| cell | means |
|---|---|
| any | whoever it belongs to |
| own | what belongs to the caller's account |
| licensed | what the caller holds a license for |
| shown | boxes that are published, the caller's own, or licensed to them |
| none | the caller may ask and has none: not found, or an empty list |
| (empty) | refused before anything is looked up: `role_not_allowed` (403), and for the public `token_missing` (401) |

What a caller does not reach is *not found* (404), in the same words as what does not exist. A token with scopes may
only do what they name, and is refused with `token_scope_missing` (403) elsewhere. *Whole* asks for a token without such
limits and without an end.
"""
_STANDINGS = ("admin", "owner", "member", "customer", "public")


def page_of(routes: Iterable[tuple[str, str, str | None]]) -> str:
    """The page, from the table and from method, path and action of every route."""
    found: dict[str, list[str]] = defaultdict(list)
    for method, path, action in routes:
        if action is not None and not path.startswith("/dashboard"):
            found[action].append(f"`{method} {path}`")
    lines = [_HEAD, "| action | scope | admin | owner | member | customer | public | routes |", f"|{'---|' * 8}"]
    lines += [_row(rule, found[rule.action]) for rule in policy.RULES]
    scopes = ", ".join(f"`{scope}`" for scope in policy.SCOPES)
    return "\n".join([*lines, "", f"Scopes: {scopes}.", ""])


def _row(rule: Rule, routes: list[str]) -> str:
    scope = "*whole*" if rule.whole else f"`{rule.scope}`" if rule.scope else ""
    cells = [_cell(getattr(rule, standing)) for standing in _STANDINGS]
    where = "<br>".join(routes) or "pages of the dashboard"
    return f"| {' | '.join([f'`{rule.action}`', scope, *cells, where])} |"


def _cell(reach: Reach | None) -> str:
    return reach.value if reach else " "


def main() -> None:
    """Print the page of this version of the service."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        runtime = open_runtime(Settings(data_dir=at / "data", kek_file=at / "kek", token_key_file=at / "token-key"))
        sys.stdout.write(page_of(actions_of(create_app(runtime))))
        runtime.database.close()


if __name__ == "__main__":
    main()
