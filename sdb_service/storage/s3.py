"""Files in an S3 bucket; clients send upload parts straight to it by presigned address."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from sdb_service.settings import Settings
from sdb_service.storage.base import CHUNK
from sdb_service.storage.local import missing_file

_PART_ADDRESS_SECONDS = 3600


class S3Storage:
    """The production profile's store: any S3 or S3-compatible server."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket
        self._s3 = _client(settings, settings.s3_endpoint_url)
        public = settings.s3_public_endpoint_url
        self._signer = _client(settings, public) if public else self._s3

    def put_file(self, key: str, source: Path) -> None:
        self._s3.upload_file(str(source), self._bucket, key)

    def put_bytes(self, key: str, content: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)

    def fetch(self, key: str, target: Path) -> None:
        chunks = self.read(key)  # a file that is missing leaves no empty target
        with target.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def read(self, key: str) -> Iterator[bytes]:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            raise _translated(error, key) from error
        chunks: Iterator[bytes] = body.iter_chunks(CHUNK)
        return chunks

    def size(self, key: str) -> int:
        try:
            return int(self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"])
        except ClientError as error:
            raise _translated(error, key) from error

    def exists(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return False
            raise
        return True

    def check(self) -> None:
        try:
            self._s3.head_bucket(Bucket=self._bucket)
        except (BotoCoreError, ClientError) as error:
            raise ConnectionError("the bucket does not answer") from error

    def keys(self, prefix: str) -> list[str]:
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def begin_parts(self, key: str) -> str | None:
        return str(self._s3.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"])

    def part_address(self, key: str, ref: str | None, number: int) -> str | None:
        params = {"Bucket": self._bucket, "Key": key, "UploadId": ref, "PartNumber": number}
        return str(self._signer.generate_presigned_url("upload_part", Params=params, ExpiresIn=_PART_ADDRESS_SECONDS))

    def write_part(self, key: str, number: int, chunks: Iterable[bytes]) -> None:
        raise NotImplementedError("parts go straight to the bucket, to the address given with the upload")

    def parts(self, key: str, ref: str | None) -> dict[int, int]:
        try:
            return {part["PartNumber"]: part["Size"] for part in self._listed(key, ref)}
        except ClientError as error:
            if _is_over(error):
                return {}
            raise

    def join_parts(self, key: str, ref: str | None) -> None:
        etags = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in self._listed(key, ref)]
        self._s3.complete_multipart_upload(Bucket=self._bucket, Key=key, UploadId=ref, MultipartUpload={"Parts": etags})

    def drop_parts(self, key: str, ref: str | None) -> None:
        if ref is None:
            return
        try:
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=ref)
        except ClientError as error:
            if not _is_over(error):
                raise

    def _listed(self, key: str, ref: str | None) -> list[dict[str, Any]]:
        pages = self._s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=ref)
        return [part for page in pages for part in page.get("Parts", [])]


def _client(settings: Settings, endpoint_url: str | None) -> Any:
    options: dict[str, Any] = {"signature_version": "s3v4", "retries": {"max_attempts": 5, "mode": "standard"}}
    if settings.s3_compatible:
        options |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    secret = settings.s3_secret_access_key
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(**options),
    )


def _is_missing(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}


def _is_over(error: ClientError) -> bool:
    """Whether the upload in parts was joined or dropped before."""
    return error.response["Error"]["Code"] in {"NoSuchUpload"}


def _translated(error: ClientError, key: str) -> Exception:
    return missing_file(key) if _is_missing(error) else error
