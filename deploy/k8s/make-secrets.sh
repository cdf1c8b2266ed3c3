#!/bin/sh
# Print the Secrets that Krabbel's manifests name, with random passwords:
#
#   S3_ACCESS_KEY=… S3_SECRET_KEY=… deploy/k8s/make-secrets.sh > secrets.yaml     keep this file safe, and out of git
#   kubectl apply -f secrets.yaml
#
# Better, an account per service: INGEST_S3_ACCESS_KEY, INGEST_S3_SECRET_KEY, and the same with QUERY and CLASSIFIER, each
# with its policy in deploy/s3. Without, all three take the one above.
# API_KEY: the predecessor's one key, where traps in the field have it; else a random one.
# MONGO_MEMBERS: 1 (default) or 3, as in the overlay.
set -eu
umask 077
: "${S3_ACCESS_KEY:?is missing: the access key of your object store}"
: "${S3_SECRET_KEY:?is missing: the secret key of your object store}"

random() { # letters and digits only: they go into addresses as they are
    od -An -N"${1:-24}" -tx1 /dev/urandom | tr -d ' \n'
}

secret() { # NAME, then lines "key: value" on standard input
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: { name: %s, namespace: krabbel }\ntype: Opaque\nstringData:\n' "$1"
    sed 's/^/  /'
}

members=""
number=0
while [ "$number" -lt "${MONGO_MEMBERS:-1}" ]; do
    members="$members${members:+,}mongodb-$number.mongodb-svc:27017"
    number=$((number + 1))
done
service_key=$(random)
admin_key=$(random)
api_key=${API_KEY:-$(random 16)}

for name in ingest classifier query; do
    amqp=$(random)
    mongo=$(random)
    upper=$(printf '%s' "$name" | tr '[:lower:]' '[:upper:]')
    access=$(printenv "${upper}_S3_ACCESS_KEY" || printf '%s' "$S3_ACCESS_KEY")
    key=$(printenv "${upper}_S3_SECRET_KEY" || printf '%s' "$S3_SECRET_KEY")
    secret "rabbitmq-$name" <<END
username: $name
password: "$amqp"
END
    secret "mongodb-$name-password" <<END
password: "$mongo"
END
    {
        cat <<END
krabbel_amqp_url: "amqp://$name:$amqp@rabbitmq:5672/krabbel"
krabbel_mongo_url: "mongodb://$name:$mongo@$members/krabbel?replicaSet=mongodb&authSource=krabbel"
krabbel_s3_access_key: "$access"
krabbel_s3_secret_key: "$key"
END
        if [ "$name" != classifier ]; then
            printf 'krabbel_service_key: "%s"\nkrabbel_api_key: "%s"\n' "$service_key" "$api_key"
        fi
        if [ "$name" = ingest ]; then
            printf 'krabbel_admin_key: "%s"\n' "$admin_key"
        fi
        if [ "$name" = query ]; then # of the dashboard's first user, admin
            printf 'krabbel_admin_password: "%s"\n' "$(random 15)"
        fi
    } | secret "krabbel-$name"
done
secret krabbel-dashboard <<END
krabbel_service_key: "$service_key"
krabbel_admin_key: "$admin_key"
krabbel_cookie_secret: "$(random 32)"
END
