"""Make the bucket that the settings name, where there is none: for a local S3 server, not for AWS."""

import logging
import sys

import boto3
from botocore.exceptions import ClientError

from sdb_service.logs import configure_logs
from sdb_service.settings import Settings

log = logging.getLogger("bucket")


def main() -> int:
    settings = Settings()
    configure_logs(settings.log_level)
    secret = settings.s3_secret_access_key
    store = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    try:
        store.create_bucket(Bucket=settings.s3_bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
    log.info("the bucket is there", extra={"bucket": settings.s3_bucket})
    return 0


if __name__ == "__main__":
    sys.exit(main())
