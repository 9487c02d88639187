"""All settings of the service, read from `SDB_*` environment variables and nowhere else."""

from ipaddress import ip_network
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
    kek_provider: Literal["local", "aws-kms", "vault"] = Field(
        "local", description="Where the key-encryption key lives that seals from now on."
    )
    kek_file: Path = Field(
        _CONFIG / "kek", description="Local key-encryption keys: private, mode 0600, outside the data folder."
    )
    kek_public_file: Path | None = Field(
        None, description="Public half of the current one, all that a worker needs; none means beside it, as NAME.pub."
    )
    worker_key_file: Path | None = Field(
        None,
        description="Key that only workers hold, for jobs in flight; none means worker-key beside the public half.",
    )
    kek_key: str = Field("", description="ARN of the KMS key (no alias), or name of the Vault transit key.")
    kms_region: str = "us-east-1"
    kms_endpoint_url: str | None = Field(None, description="Address of a KMS-compatible server; none means AWS.")
    vault_url: str = Field("", description="Address of Vault, such as https://vault.example.org:8200.")
    vault_mount: str = Field("transit", description="Where the transit engine is mounted.")
    vault_token_file: Path | None = Field(None, description="File with the Vault token; read anew at each call.")
    token_key_file: Path = Field(
        _CONFIG / "token-key", description="Key of the keyed hash under which tokens are stored."
    )
    audit_key_file: Path | None = Field(
        None, description="Key of the audit log's chain, 32 bytes; none means audit-key beside the token key."
    )
    audit_head_seconds: float = Field(
        10, gt=0, description="How often an API process signs the head of the audit log into storage, if it has moved."
    )
    reconcile_seconds: float = Field(
        300, gt=0, description="How often an API process compares revocations with those in storage."
    )
    signing_key_file: Path | None = Field(
        None,
        description="Ed25519 key that license files are signed with; none means signing-key beside the token key.",
    )
    license_file_seconds: int = Field(
        14 * 24 * 3600, gt=0, description="How long a license file is good; never longer than its license."
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

    account_requests_per_minute: int = Field(12_000, gt=0, description="Of all tokens and sessions of one account.")
    event_streams: int = Field(32, gt=0, description="Open at a time for one account on one server process.")

    # Quotas of one account; an admin sets others for it (PATCH /v1/accounts/{id}/quotas).
    quota_stored_bytes: int = Field(200 * 2**30, ge=0, description="Uploads, and what jobs made of them.")
    quota_uploads: int = Field(10_000, ge=0, description="Uploads kept, finished or not.")
    quota_open_uploads: int = Field(100, ge=0, description="Uploads begun and not finished.")
    quota_active_jobs: int = Field(200, ge=0, description="Jobs that wait or run.")
    quota_jobs_a_day: int = Field(2000, ge=0, description="Jobs begun within 24 hours.")
    quota_open_checks: int = Field(100, ge=0, description="Models and datasets that wait for their check.")
    quota_tokens: int = Field(500, ge=0, description="Tokens that work.")
    quota_login_links: int = Field(20, ge=0, description="Ways into the dashboard not used yet.")
    quota_licenses: int = Field(20_000, ge=0, description="Licenses given and not revoked.")
    quota_idempotency_keys: int = Field(20_000, ge=0, description="Answers kept for a repeated POST.")
    upload_seconds: int = Field(
        7 * 24 * 3600, gt=0, description="An upload not finished, or finished and never used, goes after so long."
    )
    idempotency_seconds: int = Field(24 * 3600, gt=0, description="How long an answer is kept for a repeated POST.")

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

    webhook_allowed_networks: str = Field(
        "", description="Private networks that webhooks may name all the same, as 10.1.2.0/24, separated by commas."
    )
    webhook_http: bool = Field(default=False, description="Let webhooks use http without TLS; for development.")
    webhook_ports: str = Field("443,8443", description="Ports that webhooks may name, separated by commas.")
    webhook_ca_file: Path | None = Field(None, description="Certificates to trust besides the system's.")
    webhook_poll_seconds: float = Field(2, gt=0, description="How often the API looks for webhooks to be told.")
    webhook_failing_days: float = Field(5, gt=0, description="A webhook that fails so long is disabled.")

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

    @model_validator(mode="after")
    def _key_service_is_named(self) -> "Settings":
        if self.kek_provider != "local" and (not self.kek_key or "alias/" in self.kek_key):
            raise ValueError(
                "SDB_KEK_KEY must name the key of SDB_KEK_PROVIDER: an ARN or key id, never an alias, which may move"
            )
        if self.kek_provider == "vault" and (not self.vault_url or self.vault_token_file is None):
            raise ValueError("SDB_KEK_PROVIDER=vault needs SDB_VAULT_URL and SDB_VAULT_TOKEN_FILE")
        return self

    @model_validator(mode="after")
    def _webhook_lists_are_readable(self) -> "Settings":
        for each in words(self.webhook_allowed_networks):
            ip_network(each)
        if not all(each.isdecimal() and 0 < int(each) < 65536 for each in words(self.webhook_ports)):
            raise ValueError("SDB_WEBHOOK_PORTS must be ports separated by commas, as 443,8443")
        return self

    @property
    def effective_kek_public_file(self) -> Path:
        return self.kek_public_file or self.kek_file.with_name(f"{self.kek_file.name}.pub")

    @property
    def effective_worker_key_file(self) -> Path:
        return self.worker_key_file or self.effective_kek_public_file.with_name("worker-key")

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'sdb.db'}"

    @property
    def effective_audit_key_file(self) -> Path:
        return self.audit_key_file or self.token_key_file.with_name("audit-key")

    @property
    def effective_signing_key_file(self) -> Path:
        return self.signing_key_file or self.token_key_file.with_name("signing-key")

    @property
    def embedded_broker(self) -> bool:
        return not self.broker_url


def words(text: str) -> list[str]:
    """The parts of a list separated by commas, such as that of networks."""
    return [each.strip() for each in text.split(",") if each.strip()]
