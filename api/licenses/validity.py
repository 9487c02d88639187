"""Whether a license is good now, and why not: one stable code for each reason."""

from sdb_service import clock
from sdb_service.errors import Forbidden
from sdb_service.tables import License

VALID = "license_valid"
REPLACED = "license_replaced"

_CURES = {
    "license_revoked": "The license was revoked; ask the provider for a new one.",
    "license_replaced": "The box has a new key; use the license that replaced this one (see its replaced_by).",
    "license_suspended": "The license is suspended; ask the provider to reinstate it.",
    "license_expired": "The license has expired; ask the provider to renew it.",
    "license_hosted": "Under a hosted license the key never leaves the service; ask for a delivered one.",
    "license_missing": "You hold no license for this box; ask its provider for one.",
    "license_predictions_used_up": "The license's predictions are used up; ask the provider for more.",
    "license_downloads_used_up": "The license's downloads are used up; ask the provider for more.",
}


def reason_code(row: License) -> str:
    """`license_valid`, or the reason why the license gives nothing."""
    if row.state == "revoked" and row.replaced_by is not None:
        return REPLACED
    if row.state != "active":
        return f"license_{row.state}"
    if row.expires_at is not None and row.expires_at <= clock.now():
        return "license_expired"
    return VALID


def key_reason_code(row: License) -> str:
    """`license_valid`, or the reason why the license does not give out the key."""
    reason = reason_code(row)
    if reason != VALID:
        return reason
    if row.mode != "delivered":
        return "license_hosted"
    if row.max_downloads is not None and row.downloads >= row.max_downloads:
        return "license_downloads_used_up"
    return VALID


def refusal(code: str) -> Forbidden:
    """The error for a reason code."""
    return Forbidden(code, _CURES[code])
