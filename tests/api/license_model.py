"""What a license should be, in the plainest words."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class Model:
    """One license; it shares no line with the service."""

    id: str
    box: str
    holder: int
    mode: str
    entitlements: tuple[str, ...]
    end: datetime | None
    days: int | None
    most_downloads: int | None
    most_predictions: int | None
    decided: str = "active"
    first_use: datetime | None = None
    downloads: int = 0
    predictions: int = 0
    transfers: int = 0

    def state(self, now: datetime) -> str:
        has_ended = self.end is not None and self.end <= now
        return "expired" if self.decided == "active" and has_ended else self.decided

    def refusal(self, now: datetime, wanted: str) -> str | None:
        if self.state(now) != "active":
            return f"license_{self.state(now)}"
        if self.mode == "hosted" and wanted != "distill":
            return "license_hosted"
        return None if wanted in self.entitlements else "license_not_entitled"

    def used(self, now: datetime) -> None:
        if self.first_use is None:
            self.first_use = now
            if self.days is not None:
                counted = now + timedelta(days=self.days)
                self.end = counted if self.end is None else min(self.end, counted)
