"""`sdb attack`: the full panel of attacks against a box, on the provider's own machine."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import sdb_client
from sdb_client.cli.box_folder import fetch_box, own_box
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import say, show_json
from sdb_client.cli.report import show_report

_METHOD = ("sdb_core", "torch")  # they stand beside this package and are not imported by it

_MISSING = (
    "sdb: Attacks train students on this machine, which needs the method and PyTorch; "
    "install them: pip install 'sdb-service[train]'. (not_installed)"
)
_NOT_THEIRS = (
    "A key goes to the account that holds the license, and to nobody else: give its token with --license-token, "
    "or the file that it fetched with --key."
)


_Id = Annotated[str | None, typer.Argument(help="Your box.", show_default=False)]
_Model = Annotated[
    Path | None, typer.Option("--model", exists=True, dir_okay=False, help="The checkpoint that you uploaded.")
]
_Data = Annotated[str | None, typer.Option("--data", help="Its data set: a file, a folder, or builtin:digits.")]
_LicenseId = Annotated[str | None, typer.Option("--license", help="Fetch the key with this license.")]
_LicenseToken = Annotated[
    str | None, typer.Option("--license-token", envvar="SDB_LICENSE_TOKEN", help="The token of who holds it.")
]
_KeyFile = Annotated[Path | None, typer.Option("--key", exists=True, dir_okay=False, help="The key, from a file.")]
_Level = Annotated[
    Literal["quick", "standard", "full"] | None, typer.Option("--level", help="Default: full.", show_default=False)
]
_Names = Annotated[str | None, typer.Option("--attacks", help="These alone, separated by commas.")]


def attack(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    box_id: _Id = None,
    model: _Model = None,
    data: _Data = None,
    license_id: _LicenseId = None,
    license_token: _LicenseToken = None,
    key: _KeyFile = None,
    level: _Level = None,
    attacks: _Names = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the attacks, and stop.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Save the report as JSON.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Save the report as a page.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Attack your own box in every known way, on this machine, with its weights and its key.

    What follows `--` goes to `python -m sdb_core attack`, such as `-- --seeds 3 --device cuda --state FOLDER`.
    """
    _require_method()
    if listed:
        raise typer.Exit(_method("attack", "--list", *(["--json"] if as_json else [])).returncode)
    if box_id is None or model is None or data is None or (license_id is None) == (key is None):
        raise typer.BadParameter("name BOX_ID, --model, --data, and either --license or --key")
    with tempfile.TemporaryDirectory(prefix="sdb-attack-") as name:  # readable by its owner alone: the key lies there
        folder = Path(name)
        with sdb_client.Client(url, token=token) as client:
            box = own_box(client, box_id, model=model)
            found = _key(url, license_token or token, license_id=license_id, file=key)
            made = fetch_box(client, box, folder, key=found)
        line = ["--model", str(model), "--box", name, "--data", data, *made]
        line += ["--level", level] if level else []
        line += ["--attacks", *attacks.split(",")] if attacks else []
        report = _attacked([*line, *context.args], folder / "report.json", as_json=as_json)
        _save(report, folder / "report.json", out=out, html=html)
    show_report(report, as_json=as_json)


def _require_method() -> None:
    if any(importlib.util.find_spec(name) is None for name in _METHOD):
        say(_MISSING)
        raise typer.Exit(1)


def _key(url: str, token: str | None, *, license_id: str | None, file: Path | None) -> "sdb_client.Key":
    if file is not None:
        return sdb_client.Key.load(file)
    assert license_id is not None
    with sdb_client.Client(url, token=token) as holder:
        try:
            return holder.licenses.key(license_id)
        except sdb_client.NotFound as error:
            raise sdb_client.SDBError("license_of_another_account", _NOT_THEIRS) from error


def _attacked(line: list[str], written: Path, *, as_json: bool) -> dict[str, Any]:
    """Run the panel; its progress is on stderr. Exits as it does where it fails, with its error under --json."""
    done = _method("attack", *line, "--out", str(written), "--json", quiet=True)
    if done.returncode != 0:
        _tell_failure(done.stdout, as_json=as_json)
        raise typer.Exit(done.returncode)
    report: dict[str, Any] = json.loads(written.read_bytes())
    return report


def _tell_failure(answer: str, *, as_json: bool) -> None:
    """The method has said why on stderr; for programs it is said again as an object."""
    try:
        error = json.loads(answer)["error"]
        told = {"code": error["code"], "detail": error["message"], "request_id": None}
    except (ValueError, KeyError, TypeError):
        told = {"code": "attack_failed", "detail": "The attacks ended early; stderr says why.", "request_id": None}
    if as_json:
        show_json({"error": told})


def _save(report: dict[str, Any], written: Path, *, out: Path | None, html: Path | None) -> None:
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        say(f"The report is in {out}.")
    if html is not None:
        made = _method("report", str(written), "--out", str(html.resolve()), quiet=True)
        if made.returncode != 0:
            raise typer.Exit(made.returncode)
        say(f"The page is in {html}.")


def _method(*arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """`python -m sdb_core`, from where it is installed: with -P never from a folder of that name that lies here."""
    line = [sys.executable, "-P", "-m", "sdb_core", *arguments]
    return subprocess.run(line, stdout=subprocess.PIPE if quiet else None, text=True, check=False)  # noqa: S603
