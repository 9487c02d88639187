#!/bin/sh
# keys.sh SECRETS KEYS...: make of the secrets of compose what libpq and boto3 read, for the service's user alone.
#
# Compose mounts secret files with the owner and mode they have on the host, where the user of the image does not
# exist. So they are copied once into the volumes of keys, with mode 0600; a password stands in no variable.
set -eu
umask 077
secrets=$1
shift

password=$(sed -e 's/[\\:]/\\&/g' "$secrets/database_password")
for keys in "$@"; do
    printf '*:*:*:*:%s\n' "$password" > "$keys/pgpass.new"
    mv "$keys/pgpass.new" "$keys/pgpass"

    {
        echo '[default]'
        printf 'aws_access_key_id = %s\n' "$(cat "$secrets/s3_access_key_id")"
        printf 'aws_secret_access_key = %s\n' "$(cat "$secrets/s3_secret_access_key")"
    } > "$keys/s3-credentials.new"
    mv "$keys/s3-credentials.new" "$keys/s3-credentials"
done
