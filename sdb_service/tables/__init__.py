"""The SQL tables, a file per domain. `metadata` is what the migrations must add up to."""

from sdb_service.tables.accounts import Account, DashboardSession, LoginLink, Token
from sdb_service.tables.alarms import Alarm
from sdb_service.tables.audit import AuditEvent, AuditHead
from sdb_service.tables.base import Base
from sdb_service.tables.boxes import Box, SealedKey
from sdb_service.tables.budgets import ImageBudget
from sdb_service.tables.datasets import Dataset
from sdb_service.tables.idempotency import IdempotentAnswer
from sdb_service.tables.jobs import Job, JobEvent
from sdb_service.tables.licenses import License, PastHolder
from sdb_service.tables.models import Model
from sdb_service.tables.people import Invitation, PasswordReset, RecoveryCode, User
from sdb_service.tables.quotas import AccountQuota
from sdb_service.tables.signing import PublicSigningKey
from sdb_service.tables.uploads import Upload, UploadPart
from sdb_service.tables.webhooks import Webhook, WebhookDelivery

metadata = Base.metadata

__all__ = [
    "Account",
    "AccountQuota",
    "Alarm",
    "AuditEvent",
    "AuditHead",
    "Base",
    "Box",
    "DashboardSession",
    "Dataset",
    "IdempotentAnswer",
    "ImageBudget",
    "Invitation",
    "Job",
    "JobEvent",
    "License",
    "LoginLink",
    "Model",
    "PasswordReset",
    "PastHolder",
    "PublicSigningKey",
    "RecoveryCode",
    "SealedKey",
    "Token",
    "Upload",
    "UploadPart",
    "User",
    "Webhook",
    "WebhookDelivery",
    "metadata",
]
