"""What webhooks are told of: a stable list of types, and of each the details that everybody told may know."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

EventType = Literal[
    "license.grant",
    "license.suspend",
    "license.reinstate",
    "license.renew",
    "license.transfer",
    "license.revoke",
    "license.key",
    "box.make",
    "box.publish",
    "box.unpublish",
    "box.rekey",
    "box.alarm",
    "job.succeeded",
    "job.failed",
]
TYPES: tuple[str, ...] = get_args(EventType)
TEST = "webhook.test"  # sent when its owner asks for it, and to be chosen by nobody

_LICENSE = ("box_id", "mode", "reason", "expires_at", "replaced_by", "replaces_license_id")


@dataclass(frozen=True)
class Kind:
    """What happened, for people, and which details of the act are told: all others stay inside."""

    about: str
    told: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    "license.grant": Kind("A license was given, also as the successor of another after a re-keying.", _LICENSE),
    "license.suspend": Kind("A license stopped for now.", _LICENSE),
    "license.reinstate": Kind("A suspended license is good again.", _LICENSE),
    "license.renew": Kind("A license has a new end.", _LICENSE),
    "license.transfer": Kind("A license went from one customer to another.", _LICENSE),
    "license.revoke": Kind(
        "A license ended for good, also because a successor replaced it after a re-keying.", _LICENSE
    ),
    "license.key": Kind("A key was delivered under a license of yours.", ("box_id", "download")),
    "box.make": Kind("A job left a box.", ("job_id",)),
    "box.publish": Kind("A box was opened to the public.", ("outputs", "top_k", "images_per_minute")),
    "box.unpublish": Kind("A box was closed to the public."),
    "box.rekey": Kind("A box was replaced by one under a new key; licenses moved to it.", ("replaced_by",)),
    "box.alarm": Kind("A caller seems to copy a box of yours.", ("alarm", "kind")),
    "job.succeeded": Kind("A job ended with a box.", ("box_id",)),
    "job.failed": Kind("A job ended without a box.", ("error_code",)),
}


def public_detail(event_type: str, detail: dict[str, Any] | None) -> dict[str, Any]:
    """Of an act's details those that may be told: never a secret, a person or another party's business."""
    told = KINDS[event_type].told if event_type in KINDS else ()
    return {name: value for name, value in (detail or {}).items() if name in told}
