"""The evidence report as a page that stands alone: the one that was made with the report."""

from fastapi.responses import HTMLResponse

from api.jobs.service import report_of
from api.templating import environment
from sdb_service.runtime import Runtime
from sdb_service.tables import Job

# The page was written where strangers' checkpoints are opened. No script of it may run, and nothing may be loaded.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def report_page(job: Job, *, runtime: Runtime) -> HTMLResponse:
    """The stored page, or tables alone for a job from before pages were stored. Raises `NotFound` without a report."""
    return HTMLResponse(_content(job, runtime=runtime), headers={"Content-Security-Policy": POLICY})


def _content(job: Job, *, runtime: Runtime) -> bytes | str:
    key = job.report_page_key
    if key is not None and runtime.storage.exists(key):
        return b"".join(runtime.storage.read(key))
    return environment.get_template("report.html").render(job=job, report=report_of(job, runtime=runtime))
