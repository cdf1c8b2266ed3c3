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
secret krabbel_s3_access_key "krabbel"
secret krabbel_s3_secret_key "$(random)"
secret krabbel_service_key "$(random)"
secret krabbel_cookie_secret "$(random 32)"

rabbitmq=$(cat "$folder/rabbitmq_password")
secret krabbel_amqp_url "amqp://krabbel:$rabbitmq@rabbitmq:5672/krabbel"
# No administrator: an account for the queues of Krabbel alone. `docker compose exec rabbitmq rabbitmqctl` needs none.
secret rabbitmq_account.conf "default_vhost = krabbel
default_user = krabbel
default_pass = $rabbitmq
default_user_tags.administrator = false
default_permissions.configure = ^krabbel
default_permissions.read = ^krabbel
default_permissions.write = ^krabbel
"
secret krabbel_mongo_url \
    "mongodb://krabbel:$(cat "$folder/mongo_password")@mongodb:27017/krabbel?replicaSet=krabbel&authSource=krabbel"
