"""Who works on what: the row is the truth, a message is only a doorbell.

A row waits, is claimed by one worker for the length of a lease, and ends. Each claim raises `attempt`; every later
write carries the attempt as a fence, so that a writer who lost its lease is refused. All changes are one statement.
"""

from sdb_service.lifecycle.claims import (
    DATASETS,
    JOBS,
    KINDS,
    MODELS,
    Claim,
    Kind,
    claim,
    extend,
    fail,
    release,
    retry,
    succeed,
)
from sdb_service.lifecycle.jobs import (
    cancel,
    cancel_now,
    cancel_requested,
    keep_kappa,
    note_progress,
    publish_box,
    remember_state,
    tell,
)
from sdb_service.lifecycle.sweeping import Swept, sweep
from sdb_service.lifecycle.uploads import (
    abandon_upload,
    complete_upload,
    forget_upload,
    free_upload,
)

__all__ = [
    "DATASETS",
    "JOBS",
    "KINDS",
    "MODELS",
    "Claim",
    "Kind",
    "Swept",
    "abandon_upload",
    "cancel",
    "cancel_now",
    "cancel_requested",
    "claim",
    "complete_upload",
    "extend",
    "fail",
    "forget_upload",
    "free_upload",
    "keep_kappa",
    "note_progress",
    "publish_box",
    "release",
    "remember_state",
    "retry",
    "succeed",
    "sweep",
    "tell",
]
