"""What a license gives and, where it gives nothing, why: one stable code for each reason, all of them listed here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from sdb_service.errors import Forbidden
from sdb_service.lifecycle.licenses import state_of
from sdb_service.tables import License

Mode = Literal["delivered", "hosted"]
Entitlement = Literal["key:download", "distill", "box:download"]
Reason = Literal[
    "license_valid",
    "license_suspended",
    "license_expired",
    "license_revoked",
    "license_replaced",
    "license_not_entitled",
    "license_hosted",
    "license_downloads_used_up",
    "license_predictions_used_up",
    "license_missing",
]

VALID: Reason = "license_valid"
ENTITLEMENTS: tuple[Entitlement, ...] = get_args(Entitlement)
GIVES: Mapping[str, tuple[Entitlement, ...]] = MappingProxyType({"delivered": ENTITLEMENTS, "hosted": ("distill",)})

CURES: Mapping[Reason, str] = MappingProxyType(
    {
        "license_valid": "The license is good.",
        "license_suspended": "The license is suspended; ask the provider to reinstate it.",
        "license_expired": "The license has expired; ask the provider to renew it.",
        "license_revoked": "The license was revoked; ask the provider for a new one.",
        "license_replaced": "The box has a new key; use the license that replaced this one (see its replaced_by).",
        "license_not_entitled": "The license does not include this; ask the provider for one whose entitlements do.",
        "license_hosted": "A hosted license gives neither the key nor the weights, from which it could be computed; "
        "ask for a delivered one.",
        "license_downloads_used_up": "The license's downloads are used up; ask the provider for more.",
        "license_predictions_used_up": "The license's predictions are used up; ask the provider for more.",
        "license_missing": "You hold no license for this box; ask its provider for one.",
    }
)
_ENDED: Mapping[str, Reason] = MappingProxyType(
    {"suspended": "license_suspended", "expired": "license_expired", "revoked": "license_revoked"}
)


def entitlements_of(row: License) -> tuple[Entitlement, ...]:
    """What the license is for; never more than its mode gives."""
    named = row.entitlements.split()
    return tuple(each for each in GIVES[row.mode] if each in named)


def reason_code(row: License, wanted: Entitlement | None = None) -> Reason:
    """`license_valid`, or the reason why the license gives nothing now, or not what is wanted."""
    ended = _ENDED.get(state_of(row))
    if ended == "license_revoked" and row.replaced_by is not None:
        ended = "license_replaced"
    if ended is not None or wanted is None:
        return ended or VALID
    if wanted not in GIVES[row.mode]:
        return "license_hosted"
    if wanted not in entitlements_of(row):
        return "license_not_entitled"
    if wanted == "key:download" and row.max_downloads is not None and row.downloads >= row.max_downloads:
        return "license_downloads_used_up"
    if wanted == "distill" and row.max_predictions is not None and row.predictions >= row.max_predictions:
        return "license_predictions_used_up"
    return VALID


def refusal(code: Reason) -> Forbidden:
    """The error for a reason code."""
    return Forbidden(code, CURES[code])
