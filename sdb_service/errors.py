"""What can go wrong, by kind: one sentence that tells the cure, one stable code for machines, never an HTTP number."""

from typing import ClassVar


class ServiceError(Exception):
    """The root: `detail` is for people and names the cure, `code` is for machines and never changes."""

    kind: ClassVar[str] = "internal"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Unauthenticated(ServiceError):
    kind = "unauthenticated"


class Forbidden(ServiceError):
    kind = "forbidden"


class NotFound(ServiceError):
    kind = "not_found"


class Conflict(ServiceError):
    kind = "conflict"


class QuotaExceeded(Conflict):
    """An account would use more of `resource` than it may; waiting alone does not help."""

    def __init__(self, detail: str, *, resource: str, used: int, reserved: int, asked: int, limit: int) -> None:
        super().__init__("quota_exceeded", detail)
        self.numbers = {"resource": resource, "used": used, "reserved": reserved, "asked": asked, "limit": limit}


class Invalid(ServiceError):
    kind = "invalid"


class Malformed(ServiceError):
    kind = "malformed"


class TooLarge(ServiceError):
    kind = "too_large"


class UnsupportedMedia(ServiceError):
    kind = "unsupported_media"


class TooManyRequests(ServiceError):
    kind = "too_many"

    def __init__(self, code: str, detail: str, *, retry_after: int) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    kind = "unavailable"


class KeyServiceUnavailable(Unavailable):
    """The key-encryption key cannot be asked just now; no data is broken, and the same act may be tried again."""

    def __init__(self, why: str) -> None:
        super().__init__("key_service_unavailable", f"{why}. Nothing is lost; try again.")


class Gone(ServiceError):
    kind = "gone"


class LostLease(ServiceError):
    """A later attempt owns the row: this writer must stop and publish nothing."""

    kind = "conflict"

    def __init__(self, what: str) -> None:
        super().__init__("lease_lost", f"Another attempt now owns {what}; this one has stopped.")


class SealBroken(ServiceError):
    """A sealed value does not open: wrong key-encryption key, wrong context or changed bytes; one message for all."""

    kind = "internal"

    def __init__(self) -> None:
        super().__init__(
            "seal_broken",
            "A sealed key could not be opened; check that the key-encryption key is the one it was sealed with.",
        )


def not_found(what: str, object_id: str) -> NotFound:
    """The one answer for what is missing and for what belongs to somebody else."""
    return NotFound(
        f"{what}_not_found", f"There is no {what} {object_id!r} among those you may see; list yours to find its id."
    )
