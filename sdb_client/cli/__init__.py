"""The `sdb` command.

Exit status: 0 it went well, 1 it did not, 2 the command was written wrongly, 3 a job ended without a box.
"""

import sys

import typer

import sdb_client  # its names are loaded when first used, and so not by --help
from sdb_client.cli import (
    admin,
    attack,
    audit,
    boxes,
    distill,
    jobs,
    keys,
    licenses,
    predict,
    report,
    service,
    usage,
    webhooks,
    wrap,
)
from sdb_client.cli.output import complain

JOB_FAILED = 3

# Plain help: rich is loaded only by the commands that draw tables or bars.
app = typer.Typer(
    name="sdb",
    help="Wrap trained classifiers so that distillation without the key teaches nothing.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command("serve")(service.serve)
app.command("worker")(service.worker)
app.command("wrap")(wrap.wrap)
app.add_typer(jobs.app, name="jobs")
app.add_typer(boxes.app, name="boxes")
app.add_typer(licenses.app, name="licenses")
app.add_typer(keys.app, name="key")
app.command("predict")(predict.predict)
app.command("distill")(distill.distill)
app.command("report")(report.report)
app.command("attack", context_settings={"allow_extra_args": True})(attack.attack)
app.add_typer(webhooks.app, name="webhooks")
app.command("usage")(usage.usage)
app.add_typer(audit.app, name="audit")
app.add_typer(admin.app, name="admin")


def main() -> None:
    """Run the command line; errors are one sentence on stderr, never a traceback."""
    try:
        app()
    except sdb_client.JobFailed as error:
        complain(error)
        sys.exit(JOB_FAILED)
    except (sdb_client.SDBError, OSError) as error:
        complain(error)
        sys.exit(1)
