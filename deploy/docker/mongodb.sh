#!/bin/sh
# mongod as a replica set of one, with accounts. Past the image's own start, which would first run another server.
set -eu
umask 077
# The key is shared by the members of a set. This one has one member: each start draws a new key, nothing to keep.
head -c 96 /dev/urandom | base64 -w 0 > /tmp/keyfile
# mongod keeps figures of itself, which the exporter reads; a little of them is enough.
# In a shell of its own, so that init, and not mongod, is its parent once it ends.
(mongosh --nodb --norc --quiet /mongodb.js &)
exec mongod --replSet krabbel --keyFile /tmp/keyfile --bind_ip_all --dbpath /data/db \
    --wiredTigerCacheSizeGB "$CACHE_GB" --oplogSize 1024 \
    --setParameter diagnosticDataCollectionDirectorySizeMB=20 --quiet
