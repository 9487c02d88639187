"""All settings of the service, read from `SDB_*` environment variables and nowhere else."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SHARE = Path("~/.local/share/sdb").expanduser()
_CONFIG = Path("~/.config/sdb").expanduser()


class Settings(BaseSettings):
    """Every field is one variable: `data_dir` is `SDB_DATA_DIR`. The defaults are the embedded profile."""

    model_config = SettingsConfigDict(env_prefix="SDB_", extra="ignore", frozen=True)

    data_dir: Path = Field(_SHARE, description="Database, files and broker folder of the embedded profile.")
    kek_file: Path = Field(
        _CONFIG / "kek", description="Key-encryption key: 32 bytes, mode 0600, outside the data folder."
    )
    token_key_file: Path = Field(
        _CONFIG / "token-key", description="Key of the keyed hash under which tokens are stored."
    )
    database_url: str = Field("", description="SQLAlchemy address; empty means SQLite in the data folder.")
    broker_url: str = Field("", description="Celery broker; empty means a folder in the data folder.")
    s3_bucket: str = Field("", description="Bucket for files; empty means a folder in the data folder.")
    s3_endpoint_url: str | None = Field(None, description="Address of an S3-compatible server; none means AWS.")
    s3_public_endpoint_url: str | None = Field(None, description="The same server as clients reach it, for uploads.")
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = Field(None, description="None means the usual AWS credential chain.")
    s3_secret_access_key: SecretStr | None = None
    s3_compatible: bool = Field(
        default=False, description="Send checksums only where required, for S3-compatible servers."
    )

    public_url: str = Field("http://127.0.0.1:8000", description="Where people reach the service; used in links.")
    max_upload_bytes: int = Field(5 * 2**30, gt=0)
    part_bytes: int = Field(8 * 2**20, gt=0, description="Size of an upload part; S3 wants at least 5 MiB.")
    max_json_bytes: int = Field(2**20, gt=0)
    max_predict_bytes: int = Field(32 * 2**20, gt=0)
    max_predict_images: int = Field(1024, gt=0)
    session_cache_bytes: int = Field(2**30, gt=0, description="Memory of a server process for loaded boxes.")
    onnx_provider: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the API runs boxes; auto is CUDA where onnxruntime-gpu is installed."
    )
    requests_per_minute: int = Field(6000, gt=0, description="Per token, or per address where there is none.")
    session_idle_minutes: int = Field(60, gt=0, description="A dashboard session that nobody uses ends after so long.")
    sign_in_attempts: int = Field(
        10, gt=0, description="Passwords tried for one name, from one address or on one device that are looked at."
    )
    sign_in_window_seconds: int = Field(300, gt=0, description="The time in which these attempts count.")
    images_per_minute: int = Field(1_000_000, gt=0, description="Predictions of one account.")
    public_images_per_minute: int = Field(6000, gt=0, description="Predictions of one address without a token.")

    monitor: bool = Field(
        default=True, description="Watch for callers who seem to copy a box and tell its owner; no answer changes."
    )
    monitor_callers: int = Field(128, gt=0, description="Callers watched at a time, each in up to 0.5 MB.")
    monitor_distinct_share: float = Field(
        1.0, gt=0, description="Different images of a caller a day that are an alarm, over the box's training images."
    )
    monitor_distinct_images: int = Field(10_000, gt=0, description="The same where their number is not known.")
    monitor_least_images: int = Field(
        200, ge=100, description="Different images of a caller before the next three are looked at."
    )
    monitor_near_duplicate_share: float = Field(
        0.2, gt=0, le=1, description="Share of images hardly different from earlier ones that is an alarm."
    )
    monitor_normality: float = Field(
        0.92, ge=0, lt=1, description="Shapiro and Wilk's W of distances between images under which is an alarm."
    )
    monitor_label_entropy: float = Field(
        0.3, ge=0, lt=1, description="Entropy of a caller's labels, over that of others', under which is an alarm."
    )

    lease_seconds: float = Field(60, gt=0)
    heartbeat_seconds: float = Field(15, gt=0)
    sweep_seconds: float = Field(10, gt=0)
    max_attempts: int = Field(5, gt=0)
    checkpoint_seconds: float = Field(10, gt=0, description="How often a running training writes its state.")
    child_memory_bytes: int = Field(16 * 2**30, gt=0)
    child_threads: int = Field(0, ge=0, description="CPU threads of a training child; 0 means all cores.")
    job_seconds: int = Field(24 * 3600, gt=0, description="A job longer than this is stopped.")
    sandbox: Literal["auto", "bubblewrap", "none"] = "auto"
    device: str = Field("auto", description="Torch device of the child: auto, cpu, cuda, cuda:1.")
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _lease_outlives_heartbeat(self) -> "Settings":
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError(
                "SDB_LEASE_SECONDS must be at least twice SDB_HEARTBEAT_SECONDS, or healthy jobs lose their lease"
            )
        return self

    @model_validator(mode="after")
    def _kek_lies_outside_data(self) -> "Settings":
        if self.kek_file.resolve().is_relative_to(self.data_dir.resolve()):
            raise ValueError(
                "SDB_KEK_FILE must lie outside SDB_DATA_DIR: a copy of the data must not carry the key to it"
            )
        return self

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'sdb.db'}"

    @property
    def embedded_broker(self) -> bool:
        return not self.broker_url
