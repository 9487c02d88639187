"""The evidence report as a page that stands alone."""

from typing import Any

from api.templating import environment
from sdb_service.tables import Job


def report_html(job: Job, report: dict[str, Any]) -> str:
    """One HTML document without scripts, to be saved or sent on."""
    return environment.get_template("report.html").render(job=job, report=report)
