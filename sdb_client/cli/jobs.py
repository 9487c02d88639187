"""`sdb jobs`: wrap runs."""

from itertools import islice

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url
from sdb_client.cli.output import show_json, show_one, show_rows, show_table
from sdb_client.cli.progress import watching

app = typer.Typer(help="Wrap runs.", no_args_is_help=True, rich_markup_mode=None)

_COLUMNS = ("id", "state", "policy", "box_id", "created_at")


@app.command("list")
def list_jobs(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Your jobs, newest first."""
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.jobs.list(), limit), _COLUMNS, as_json=as_json)


@app.command("get")
def get_job(job_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """One job."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.jobs.get(job_id), as_json=as_json)


@app.command("watch")
def watch_job(job_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Follow a job to its end; exit status 3 where it ends without a box."""
    with sdb_client.Client(url, token=token) as client:
        with watching() as on_event:
            for event in client.jobs.events(job_id):
                on_event(sdb_client.WrapEvent("event", object_id=job_id, event=event))
        show_one(client.jobs.wait(job_id), as_json=as_json)


@app.command("cancel")
def cancel_job(job_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Ask a job to stop."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.jobs.cancel(job_id), as_json=as_json)


@app.command("metrics")
def job_metrics(job_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """The loss curves so far."""
    with sdb_client.Client(url, token=token) as client:
        points = client.jobs.metrics(job_id)
    if as_json:
        show_json(points)
        return
    rows = [
        (str(point["stage"]), str(point["step"]), ", ".join(f"{k} {v:.4g}" for k, v in point["values"].items()))
        for point in points
    ]
    show_table(("stage", "step", "values"), rows)
