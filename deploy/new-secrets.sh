#!/bin/sh
# new-secrets.sh [FOLDER]: make the three secrets that docker-compose.yml asks for, where they are missing.
#
# The folder is closed to other users of this machine; the files in it are open, because each container reads them
# as a user of its own, and Compose keeps owner and mode of a mounted secret as they are here.
set -eu
folder=${1:-var/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"
for name in database_password s3_access_key_id s3_secret_access_key; do
    if [ ! -e "$folder/$name" ]; then
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$folder/$name"
        chmod 444 "$folder/$name"
    fi
done
