#!/bin/sh
# SeaweedFS as one small S3 store. Not `weed mini` as in krabbel/stack/objects.py, although that starts faster: it
# cannot offer S3 to other containers without offering its other parts, which ask for no key, as well.
set -eu
AWS_ACCESS_KEY_ID=$(cat /run/secrets/krabbel_s3_access_key)
AWS_SECRET_ACCESS_KEY=$(cat /run/secrets/krabbel_s3_secret_key)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# Every object is to be on the disk before its upload is answered. The rule is kept in the store: once is enough.
# Should this fail, the log says so, and all but losing power is as safe as with it.
(
    tries=0
    until wget -q -O /dev/null http://127.0.0.1:9000/healthz || [ "$tries" -ge 60 ]; do
        tries=$((tries + 1))
        sleep 1
    done
    echo "fs.configure -locationPrefix=/buckets/ -fsync -apply" \
        | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888 > /dev/null \
        || echo "krabbel: the rule to fsync every object was not taken" >&2
) &

exec weed -logtostderr server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -s3.ip.bind=0.0.0.0 -s3.port=9000 \
    -s3.port.iceberg=0 -s3.iam=false -master.telemetry=false -master.volumeSizeLimitMB=1024 \
    -volume.max=0 -volume.preStopSeconds=0 -metricsIp=0.0.0.0 -metricsPort=9324
