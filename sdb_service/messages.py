"""The names of tasks and queues: what the doorbell may say. A message carries one id and nothing else."""

from dataclasses import dataclass

from sdb_service.lifecycle import DATASETS, JOBS, MODELS, Kind

QUEUE_JOBS = "jobs"  # long work, one at a time for each accelerator
QUEUE_CHECKS = "checks"  # short work: checks of uploads, the sweeper


@dataclass(frozen=True)
class Doorbell:
    task: str
    queue: str
    argument: str


RUN_JOB = Doorbell("sdb.run_job", QUEUE_JOBS, "job_id")
CHECK_MODEL = Doorbell("sdb.check_model", QUEUE_CHECKS, "model_id")
CHECK_DATASET = Doorbell("sdb.check_dataset", QUEUE_CHECKS, "dataset_id")
SWEEP = "sdb.sweep"

_BELLS = {JOBS.name: RUN_JOB, MODELS.name: CHECK_MODEL, DATASETS.name: CHECK_DATASET}


def doorbell(kind: Kind) -> Doorbell:
    """Which bell to ring for a row of this kind."""
    return _BELLS[kind.name]
