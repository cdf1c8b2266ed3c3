#!/bin/bash
# MinIO, with the bucket, and an account for each service with the policy in /policies (deploy/s3). Done again at each
# start, so that a new secret or policy is taken over. Then /tmp/set-up tells the health check that services can work.
# Its image has bash and coreutils, and no sed.
set -eu
umask 077
secret() {
    cat "/run/secrets/$1"
}
MC_HOST_local="http://$(secret krabbel_s3_access_key):$(secret krabbel_s3_secret_key)@127.0.0.1:9000"
export MC_HOST_local

set_up() {
    mc ready local && mc mb --quiet --ignore-existing "local/$BUCKET" || return 1
    for name in ingest classifier query operator; do
        key=$(secret "${name}_s3_access_key")
        policy=$(cat "/policies/$name.json")
        echo "${policy//BUCKET/$BUCKET}" > "/tmp/$name.json"
        mc admin user add local "$key" "$(secret "${name}_s3_secret_key")" || return 1
        mc admin policy create local "krabbel-$name" "/tmp/$name.json" || return 1
        # What is attached already is no error here.
        mc admin policy attach local "krabbel-$name" --user "$key" || true
    done
    touch /tmp/set-up
}
(
    tries=0
    until set_up > /tmp/set-up.log 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -ge 60 ]; then
            echo "krabbel: bucket and accounts were not made:" >&2
            cat /tmp/set-up.log >&2
            break
        fi
        sleep 1
    done
) &

exec minio server /data --address :9000 --console-address 127.0.0.1:9001
