"""Uploads as a model: parts in any order, twice, of the wrong size or digest, joined, thrown away, stood upon."""

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar

from httpx2 import Response
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.api.counting import use_of
from tests.api.seeding import House, Person
from tests.machines import Machine

PART = 16
which = st.integers(0, 7)


@dataclass
class Sent:
    """One upload as it should be."""

    id: str
    content: bytes
    parts: dict[int, bytes] = field(default_factory=dict)
    state: str = "open"
    datasets: list[str] = field(default_factory=list)

    def part(self, number: int) -> bytes:
        return self.content[(number - 1) * PART : number * PART]

    @property
    def count(self) -> int:
        return -(-len(self.content) // PART)

    @property
    def missing(self) -> list[int]:
        return [number for number in range(1, self.count + 1) if number not in self.parts]


class UploadMachine(Machine):
    """One account and its uploads; `house` takes parts of 16 bytes."""

    house: ClassVar[House]

    @initialize()
    def come(self) -> None:
        self.who: Person = self.house.person("provider")
        self.uploads: list[Sent] = []

    @precondition(lambda self: len(self.uploads) < 3)
    @rule(content=st.binary(min_size=1, max_size=3 * PART))
    def begin(self, content: bytes) -> None:
        body = {"filename": "x.zip", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        answer = self.house.post(self.who, "/v1/uploads", body)
        assert answer.status_code == 201
        self.uploads.append(Sent(answer.json()["id"], content))

    @precondition(lambda self: self.uploads)
    @rule(at=which, number=st.integers(0, 4), how=st.sampled_from(["good", "good", "good", "other", "short", "digest"]))
    def put(self, at: int, number: int, how: str) -> None:
        sent = self._one(at)
        part = sent.part(number) if 1 <= number <= sent.count else b"x"
        if how == "other":
            part = bytes(byte ^ 1 for byte in part)
        elif how == "short":
            part = part + b"x" if len(part) < PART else part[:-1]
        headers = {"X-Content-SHA256": "0" * 64} if how == "digest" else {}
        path = f"/v1/uploads/{sent.id}/parts/{number}"
        answer = self.house.http.put(path, content=part, headers=self.who.headers | headers)
        expected: tuple[int, str] = (200, "")
        if sent.state != "open":
            expected = (404, "upload_not_found") if sent.state == "gone" else (409, "upload_closed")
        elif not 1 <= number <= sent.count:
            expected = (422, "part_number_invalid")
        elif how == "short":
            expected = (413, "part_too_large") if len(part) > len(sent.part(number)) else (422, "part_truncated")
        elif how == "digest":
            expected = (422, "sha256_mismatch")
        else:
            sent.parts[number] = part
        self._told(answer, *expected)

    @precondition(lambda self: self.uploads)
    @rule(at=which, last=st.sampled_from(["good", "good", "other"]), then=st.booleans())
    def send_the_rest(self, at: int, last: str, *, then: bool) -> None:
        sent = self._one(at)
        at = self.uploads.index(sent) if sent is not self.uploads[-1] else 2
        if sent.state == "open":
            for number in sent.missing:
                self.put(at, number, last)
        if then:
            self.complete(at)

    @precondition(lambda self: self.uploads)
    @rule(at=which)
    def complete(self, at: int) -> None:
        sent = self._one(at)
        answer = self.house.post(self.who, f"/v1/uploads/{sent.id}/complete")
        if sent.state == "gone":
            self._told(answer, 404, "upload_not_found")
        elif sent.state == "complete":
            self._told(answer, 200, "")
        elif sent.missing:
            self._told(answer, 409, "upload_parts_missing")
        elif b"".join(sent.parts[number] for number in sorted(sent.parts)) == sent.content:
            self._told(answer, 200, "")
            sent.state = "complete"
        else:
            self._told(answer, 422, "sha256_mismatch")
            sent.parts.clear()

    @precondition(lambda self: self.uploads)
    @rule(at=which)
    def throw_away(self, at: int) -> None:
        sent = self._one(at)
        answer = self.house.http.delete(f"/v1/uploads/{sent.id}", headers=self.who.headers)
        if sent.state == "gone":
            self._told(answer, 404, "upload_not_found")
        elif sent.datasets:
            self._told(answer, 409, "upload_in_use")
        else:
            assert answer.status_code == 204
            sent.state = "gone"

    @precondition(lambda self: self.uploads)
    @rule(at=which)
    def stand_on_it(self, at: int) -> None:
        sent = self._one(at)
        answer = self.house.post(self.who, "/v1/datasets", {"name": "d", "upload_id": sent.id})
        codes = {"gone": (404, "upload_not_found"), "open": (409, "upload_incomplete"), "complete": (201, "")}
        self._told(answer, *codes[sent.state])
        if answer.status_code == 201:
            sent.datasets.append(answer.json()["id"])

    @precondition(lambda self: any(sent.datasets for sent in self.uploads))
    @rule(at=which)
    def stand_no_more(self, at: int) -> None:
        standing = [sent for sent in self.uploads if sent.datasets]
        sent = standing[at % len(standing)]
        dataset = sent.datasets.pop()
        assert self.house.http.delete(f"/v1/datasets/{dataset}", headers=self.who.headers).status_code == 204
        if not sent.datasets:
            sent.state = "gone"

    @precondition(lambda self: len(self.uploads) == 3 and all(sent.state == "gone" for sent in self.uploads))
    @rule()
    def forget(self) -> None:
        self.uploads.clear()

    @invariant()
    def the_service_is_as_the_model(self) -> None:
        if not hasattr(self, "uploads"):
            return
        for sent in self.uploads[-1:]:
            answer = self.house.get(self.who, f"/v1/uploads/{sent.id}")
            if sent.state == "gone":
                self._told(answer, 404, "upload_not_found")
                assert self.house.runtime.storage.keys(f"uploads/{sent.id}") == []
                continue
            found = answer.json()
            arrived = {part["number"]: part["sha256"] for part in found["parts"]}
            assert found["state"] == sent.state
            assert arrived == {number: hashlib.sha256(part).hexdigest() for number, part in sent.parts.items()}
            assert [one["number"] for one in found["addresses"]] == ([] if sent.state == "complete" else sent.missing)
            if sent.state == "complete":
                key = f"uploads/{sent.id}/content"
                assert b"".join(self.house.runtime.storage.read(key)) == sent.content
        used, reserved = (
            sum(len(sent.content) for sent in self.uploads if sent.state == state) for state in ("complete", "open")
        )
        assert use_of(self.house, self.who, "stored_bytes") == (used, reserved)

    def _one(self, at: int) -> Sent:
        """Mostly the latest."""
        return self.uploads[-1] if at > 1 else self.uploads[at % len(self.uploads)]

    @staticmethod
    def _told(answer: Response, status: int, code: str) -> None:
        found = answer.json()
        assert (answer.status_code, found.get("code", "")) == (status, code), found
