#!/bin/sh
# SeaweedFS as one small S3 store. Not `weed mini` as in krabbel/stack/objects.py, although that starts faster: it
# cannot offer S3 to other containers without offering its other parts, which ask for no key, as well.
set -eu
umask 077

# An identity for each service, with the policy in /policies (deploy/s3); `krabbel` is the store's administrator.
secret() {
    cat "/run/secrets/$1"
}
credentials() { # NAME
    printf '"credentials":[{"accessKey":"%s","secretKey":"%s"}]' "$(secret "$1_s3_access_key")" "$(secret "$1_s3_secret_key")"
}
{
    printf '{"identities":[{"name":"krabbel",%s,"actions":["Admin"]}' "$(credentials krabbel)"
    for name in ingest classifier query operator; do
        printf ',{"name":"%s",%s,"policyNames":["%s"]}' "$name" "$(credentials "$name")" "$name"
    done
    printf '],"policies":['
    comma=""
    for name in ingest classifier query operator; do
        policy=$(sed "s/BUCKET/$BUCKET/g; s/\"/\\\\\"/g" "/policies/$name.json" | tr -d '\n')
        printf '%s{"name":"%s","content":"%s"}' "$comma" "$name" "$policy"
        comma=,
    done
    printf ']}\n'
} > /tmp/identities.json

# Every object is to be on the disk before its upload is answered. The rule is kept in the store: once is enough.
# Should this fail, the log says so, and all but losing power is as safe as with it. No service may make the bucket.
(
    tries=0
    until wget -q -O /dev/null http://127.0.0.1:9000/healthz || [ "$tries" -ge 60 ]; do
        tries=$((tries + 1))
        sleep 1
    done
    weed_shell() {
        echo "$1" | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888
    }
    weed_shell "fs.configure -locationPrefix=/buckets/ -fsync -apply" > /dev/null \
        || echo "krabbel: the rule to fsync every object was not taken" >&2
    weed_shell "s3.bucket.list" | grep -qw "$BUCKET" || weed_shell "s3.bucket.create -name $BUCKET" > /dev/null \
        || echo "krabbel: the bucket $BUCKET was not made" >&2
) &

exec weed -logtostderr server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -s3.ip.bind=0.0.0.0 -s3.port=9000 \
    -s3.port.iceberg=0 -s3.iam=false -s3.config=/tmp/identities.json -master.telemetry=false \
    -master.volumeSizeLimitMB=1024 -volume.max=0 -volume.preStopSeconds=0 -metricsIp=0.0.0.0 -metricsPort=9324
