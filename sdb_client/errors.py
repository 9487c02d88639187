"""
What can go wrong, as a picture:

* SDBError
  x ConnectionFailed
    - UploadInterrupted
  x ProblemError
    - NotSignedIn      401
    - NotAllowed       403
    - NotFound         404, 410
    - Conflict         409
    - TooLarge         413
    - Invalid          400, 415, 422
    - RateLimited      429
    - ServerError      500 and above
  x AnswerUnreadable
  x Rejected
  x JobFailed
  x TimedOut
  x FileChanged
  x ImagesUnreadable
  x OutputTaken
  x KeyUnreadable
  x KeyShapeMismatch
  x LicenseFileRefused
  x WebhookRefused
"""

from collections.abc import Mapping
from typing import Any


class SDBError(Exception):
    """The root: `detail` is one sentence for people, `code` is for machines and never changes."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ConnectionFailed(SDBError):
    """The service could not be reached, or the connection broke and repeating did not help."""

    def __init__(self, detail: str) -> None:
        super().__init__("connection_failed", detail)


class UploadInterrupted(ConnectionFailed):
    """The connection broke in the middle of an upload; `client.uploads.resume(error.upload_id, path)` goes on."""

    def __init__(self, upload_id: str, detail: str) -> None:
        super().__init__(f"Upload {upload_id} was interrupted and can be resumed: {detail}")
        self.upload_id = upload_id


class ProblemError(SDBError):
    """The service answered with an error: a problem+json document (RFC 9457).

    `request_id` names the request in the service's own logs; `retry_after` is the pause in seconds that the
    service asked for, if it did.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        request_id: str | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class NotSignedIn(ProblemError):
    """There is no token, or it is unknown, expired or revoked."""


class NotAllowed(ProblemError):
    """The token is good, but not for this."""


class NotFound(ProblemError):
    """There is no such thing, or it belongs to somebody else."""


class Conflict(ProblemError):
    """The state of the thing does not allow it."""


class Invalid(ProblemError):
    """The request does not fit; `detail` says what to correct."""


class TooLarge(ProblemError):
    """The body or the file is larger than the service takes."""


class RateLimited(ProblemError):
    """Too many requests; try again after `retry_after` seconds."""


class ServerError(ProblemError):
    """Something broke in the service; tell its operator the `request_id`."""


class AnswerUnreadable(SDBError):
    """An answer came, but not one of an SDB service: the address belongs to something else."""

    def __init__(self, detail: str) -> None:
        super().__init__("answer_unreadable", f"{detail}; check that the address is that of an SDB service.")


class Rejected(SDBError):
    """A worker opened the uploaded model or dataset and refused it; `object_id` names it."""

    def __init__(self, code: str, detail: str, *, object_id: str) -> None:
        super().__init__(code, detail)
        self.object_id = object_id


class JobFailed(SDBError):
    """The job `job_id` ended without a box: it failed, or was cancelled (code `job_cancelled`)."""

    def __init__(self, code: str, detail: str, *, job_id: str) -> None:
        super().__init__(code, detail)
        self.job_id = job_id


class TimedOut(SDBError):
    """What was waited for did not happen in the given time; it goes on in the service."""

    def __init__(self, detail: str) -> None:
        super().__init__("timed_out", detail)


class FileChanged(SDBError):
    """A file is not, byte for byte, the one it should be."""

    def __init__(self, detail: str) -> None:
        super().__init__("file_changed", detail)


class ImagesUnreadable(SDBError):
    """A file or an array holds no images that could be sent."""

    def __init__(self, detail: str) -> None:
        super().__init__("images_unreadable", detail)


class OutputTaken(SDBError):
    """Under the name of an output lies something else already; nothing was asked and nothing written over."""

    def __init__(self, detail: str) -> None:
        super().__init__("output_taken", detail)


class KeyUnreadable(SDBError):
    """A key file is damaged or no key file at all."""

    def __init__(self, detail: str) -> None:
        super().__init__("key_unreadable", detail)


class KeyShapeMismatch(SDBError):
    """The inputs do not have the shape that the key is for."""

    def __init__(self, detail: str) -> None:
        super().__init__("key_shape_mismatch", detail)


class LicenseFileRefused(SDBError):
    """A license file is not to be believed, or not for what it is shown for; `code` says why."""


class WebhookRefused(SDBError):
    """A request to a webhook did not come from the service, or not now, or not so."""

    def __init__(self, why: str) -> None:
        super().__init__("webhook_refused", f"{why}; answer it with 400 and do nothing.")


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: TooLarge,
    415: Invalid,
    422: Invalid,
    429: RateLimited,
}


def from_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> ProblemError:
    """The error that an answer other than a success stands for.

    `body` is the problem document, empty where a proxy on the way answered with something else.
    """
    code = str(body.get("code") or f"http_{status}")
    detail = str(body.get("detail") or f"The answer was HTTP {status} and no explanation came with it.")
    request_id = body.get("request_id") or headers.get("x-request-id")
    pause = headers.get("retry-after", "")  # a date is possible too, and passed over
    kind = ServerError if status >= 500 else _BY_STATUS.get(status, ProblemError)
    return kind(status, code, detail, request_id, retry_after=float(pause) if pause.isdigit() else None)
