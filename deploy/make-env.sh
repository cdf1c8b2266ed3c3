#!/bin/sh
# Write .env and the secrets that docker-compose.yml needs, with random keys. What is there is kept: run it as often as
# you like, for example after an upgrade that wants a new one.
set -eu
umask 077
cd "$(dirname "$0")/.."

random() { # letters and digits only: they go into addresses as they are
    od -An -N"${1:-24}" -tx1 /dev/urandom | tr -d ' \n'
}

if [ ! -e .env ]; then
    sed "s/^API_KEY=\$/API_KEY=$(random 16)/" deploy/.env.example > .env
    echo "made .env"
fi
folder=$(sed -n 's/^SECRETS_DIR=//p' .env | tail -n 1)
[ -n "$folder" ] || { echo "SECRETS_DIR is missing in .env; see deploy/.env.example" >&2; exit 1; }

# Only you may enter the folder; the files in it can be read by any user, because that is how Docker mounts them into
# the containers, whose users have other numbers than you.
mkdir -p "$folder"
chmod 700 "$folder"

secret() { # NAME VALUE
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" > "$folder/$1"
        echo "made $folder/$1"
    fi
    chmod 444 "$folder/$1"
}

secret rabbitmq_password "$(random)"
secret mongo_root_password "$(random)"
secret mongo_password "$(random)"
secret monitor_mongo_password "$(random)"
secret krabbel_s3_access_key "krabbel"
secret krabbel_s3_secret_key "$(random)"
secret krabbel_service_key "$(random)"
secret krabbel_admin_key "$(random)"
secret krabbel_admin_password "$(random 15)" # of the dashboard's first user, admin
secret krabbel_cookie_secret "$(random 32)"
secret grafana_password "$(random)"

# Yours to fill in (docs/how-to/alerts.md); empty: nobody is told.
secret krabbel_alert_webhooks ""
secret krabbel_alert_smtp_url ""

# The object store: an account per service and one for the operator's command, with the policies in deploy/s3;
# krabbel_s3_* are its administrator's. A store that is not started here knows none of them: there all take its keys.
store=$(sed -n 's/^COMPOSE_PROFILES=//p' .env | tail -n 1)
for name in ingest classifier query operator; do
    case $store in
    *minio* | *seaweedfs*)
        secret "${name}_s3_access_key" "krabbel-$name"
        secret "${name}_s3_secret_key" "$(random 20)" ;;
    *)
        secret "${name}_s3_access_key" "$(cat "$folder/krabbel_s3_access_key")"
        secret "${name}_s3_secret_key" "$(cat "$folder/krabbel_s3_secret_key")" ;;
    esac
done

# An account per service, and one (krabbel) for the operator's command. What each may do in MongoDB is in
# proto/accounts.json; in RabbitMQ query may only look at dead letters, the others may use the names that begin with krabbel,
# and nobody is an administrator:
# `docker compose exec rabbitmq rabbitmqctl` needs no account.
secret krabbel_amqp_url "amqp://krabbel:$(cat "$folder/rabbitmq_password")@rabbitmq:5672/krabbel"
secret krabbel_mongo_url \
    "mongodb://krabbel:$(cat "$folder/mongo_password")@mongodb:27017/krabbel?replicaSet=krabbel&authSource=krabbel"
for service in ingest classifier query; do
    secret "${service}_rabbitmq_password" "$(random)"
    secret "${service}_mongo_password" "$(random)"
    secret "${service}_amqp_url" "amqp://$service:$(cat "$folder/${service}_rabbitmq_password")@rabbitmq:5672/krabbel"
    secret "${service}_mongo_url" \
        "mongodb://$service:$(cat "$folder/${service}_mongo_password")@mongodb:27017/krabbel?replicaSet=krabbel&authSource=krabbel"
done
users="" permissions=""
for name in krabbel ingest classifier query; do
    file=${name}_rabbitmq_password
    password=$(cat "$folder/${file#krabbel_}")
    users="$users${users:+,}{\"name\":\"$name\",\"password\":\"$password\",\"tags\":\"\"}"
    rights='"configure":"^krabbel","write":"^krabbel","read":"^krabbel"'
    [ "$name" != query ] || rights='"configure":"^$","write":"^$","read":"^krabbel\\.parked$"'
    permissions="$permissions${permissions:+,}{\"user\":\"$name\",\"vhost\":\"krabbel\",$rights}"
done
secret rabbitmq_accounts.json \
    "{\"vhosts\":[{\"name\":\"krabbel\"}],\"users\":[$users],\"permissions\":[$permissions]}"
