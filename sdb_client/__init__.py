"""The SDK of SDB: `from sdb_client import Client`.

Names are loaded when they are first asked for, so that `sdb --help` need not wait for HTTP and numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdb_client.accounts import Account as Account
    from sdb_client.accounts import FreshToken as FreshToken
    from sdb_client.accounts import LoginLink as LoginLink
    from sdb_client.accounts import Token as Token
    from sdb_client.alarms import Alarm as Alarm
    from sdb_client.alarms import AlarmNumbers as AlarmNumbers
    from sdb_client.audit import AuditEvent as AuditEvent
    from sdb_client.boxes import Box as Box
    from sdb_client.client import Client as Client
    from sdb_client.distilling import DistillProgress as DistillProgress
    from sdb_client.errors import AnswerUnreadable as AnswerUnreadable
    from sdb_client.errors import Conflict as Conflict
    from sdb_client.errors import ConnectionFailed as ConnectionFailed
    from sdb_client.errors import FileChanged as FileChanged
    from sdb_client.errors import ImagesUnreadable as ImagesUnreadable
    from sdb_client.errors import Invalid as Invalid
    from sdb_client.errors import JobFailed as JobFailed
    from sdb_client.errors import KeyShapeMismatch as KeyShapeMismatch
    from sdb_client.errors import KeyUnreadable as KeyUnreadable
    from sdb_client.errors import LicenseFileRefused as LicenseFileRefused
    from sdb_client.errors import NotAllowed as NotAllowed
    from sdb_client.errors import NotFound as NotFound
    from sdb_client.errors import NotSignedIn as NotSignedIn
    from sdb_client.errors import OutputTaken as OutputTaken
    from sdb_client.errors import ProblemError as ProblemError
    from sdb_client.errors import RateLimited as RateLimited
    from sdb_client.errors import Rejected as Rejected
    from sdb_client.errors import SDBError as SDBError
    from sdb_client.errors import ServerError as ServerError
    from sdb_client.errors import TimedOut as TimedOut
    from sdb_client.errors import TooLarge as TooLarge
    from sdb_client.errors import UploadInterrupted as UploadInterrupted
    from sdb_client.errors import WebhookRefused as WebhookRefused
    from sdb_client.jobs import Job as Job
    from sdb_client.jobs import JobEvent as JobEvent
    from sdb_client.keys import Key as Key
    from sdb_client.license_files import LicenseFile as LicenseFile
    from sdb_client.licenses import License as License
    from sdb_client.licenses import SigningKey as SigningKey
    from sdb_client.licenses import Suspect as Suspect
    from sdb_client.licenses import Trace as Trace
    from sdb_client.models import Dataset as Dataset
    from sdb_client.models import InputSpec as InputSpec
    from sdb_client.models import Model as Model
    from sdb_client.models import Reason as Reason
    from sdb_client.people import FreshInvitation as FreshInvitation
    from sdb_client.people import Invitation as Invitation
    from sdb_client.people import PasswordReset as PasswordReset
    from sdb_client.people import User as User
    from sdb_client.predicting import ClassProb as ClassProb
    from sdb_client.predicting import Prediction as Prediction
    from sdb_client.predicting import Predictions as Predictions
    from sdb_client.uploads import Upload as Upload
    from sdb_client.usage import ResourceUse as ResourceUse
    from sdb_client.usage import Usage as Usage
    from sdb_client.webhooks import FreshWebhook as FreshWebhook
    from sdb_client.webhooks import Webhook as Webhook
    from sdb_client.webhooks import WebhookDelivery as WebhookDelivery
    from sdb_client.webhooks import verify_webhook as verify_webhook
    from sdb_client.wrapping import WrapEvent as WrapEvent

_HOMES = {
    "accounts": ("Account", "FreshToken", "LoginLink", "Token"),
    "alarms": ("Alarm", "AlarmNumbers"),
    "audit": ("AuditEvent",),
    "boxes": ("Box",),
    "client": ("Client",),
    "distilling": ("DistillProgress",),
    "errors": (
        "AnswerUnreadable",
        "Conflict",
        "ConnectionFailed",
        "FileChanged",
        "ImagesUnreadable",
        "Invalid",
        "JobFailed",
        "KeyShapeMismatch",
        "KeyUnreadable",
        "LicenseFileRefused",
        "NotAllowed",
        "NotFound",
        "NotSignedIn",
        "OutputTaken",
        "ProblemError",
        "RateLimited",
        "Rejected",
        "SDBError",
        "ServerError",
        "TimedOut",
        "TooLarge",
        "UploadInterrupted",
        "WebhookRefused",
    ),
    "jobs": ("Job", "JobEvent"),
    "keys": ("Key",),
    "license_files": ("LicenseFile",),
    "licenses": ("License", "SigningKey", "Suspect", "Trace"),
    "models": ("Dataset", "InputSpec", "Model", "Reason"),
    "people": ("FreshInvitation", "Invitation", "PasswordReset", "User"),
    "predicting": ("ClassProb", "Prediction", "Predictions"),
    "uploads": ("Upload",),
    "webhooks": ("FreshWebhook", "Webhook", "WebhookDelivery", "verify_webhook"),
    "usage": ("ResourceUse", "Usage"),
    "wrapping": ("WrapEvent",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"sdb_client has no {name!r}")
    return getattr(import_module(f"sdb_client.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
