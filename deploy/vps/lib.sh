# What the scripts beside this one share; sourced, never run.
# shellcheck shell=bash
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export STATE=${STATE:-/srv/holdfast}
RELEASE=$STATE/release # which colour serves, and what each of them is

# What it says until there is one: the first release is blue.
ACTIVE=green IMAGE_BLUE='' IMAGE_GREEN='' IMAGE_WORKERS=''
# shellcheck source=/dev/null
[ ! -f "$RELEASE" ] || . "$RELEASE"
export ACTIVE IMAGE_BLUE IMAGE_GREEN IMAGE_WORKERS

compose() {
  docker compose --progress quiet --file "$HERE/compose.yaml" "$@"
}

fail() {
  echo "$*" >&2
  exit 1
}

alone() { # two of these at once would each undo what the other does
  exec 9>"$STATE/lock"
  flock --nonblock 9 || fail "another deploy, backup or restore is running"
}

sql() {
  compose exec -T --user postgres postgres psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --username postgres --dbname holdfast --command "$1"
}

new_state() { # DOMAIN: the folders and the secrets that are missing
  mkdir -p "$STATE"/{serving,tls,acme,postgres,backup}
  [ ! -f "$STATE/holdfast.env" ] || return 0
  local password
  password=$(openssl rand -hex 24)
  (
    umask 077
    printf 'POSTGRES_PASSWORD=%s\nROLE_PASSWORD=%s\n' "$(openssl rand -hex 24)" "$password" >"$STATE/postgres.env"
    cat >"$STATE/holdfast.env" <<ENV
HOLDFAST_DATABASE_URL=postgresql://holdfast:$password@postgres:5432/holdfast
HOLDFAST_BROKER_URL=redis://broker:6379/0
HOLDFAST_CACHE_URL=redis://cache:6379/0
HOLDFAST_SMTP_URL=
HOLDFAST_TOKEN_SECRET=$(openssl rand -base64 48)
HOLDFAST_PASSWORD_PEPPER=$(openssl rand -base64 48)
HOLDFAST_PUBLIC_URL=https://$1
HOLDFAST_MAIL_FROM=Holdfast <no-reply@$1>
ENV
  )
}

certificate_of_its_own() { # DOMAIN: the proxy needs one before it can answer the authority's question, and so get a real one
  [ -f "$STATE/tls/fullchain.pem" ] ||
    openssl req -x509 -newkey rsa:2048 -nodes -days 7 -subj "/CN=$1" -keyout "$STATE/tls/privkey.pem" -out "$STATE/tls/fullchain.pem" 2>/dev/null
}

servers_up() {
  [ -f "$STATE/serving/colour.conf" ] || echo 'return 503;' >"$STATE/serving/colour.conf"
  compose run --rm --no-deps --entrypoint chown postgres postgres: /postgres /backup
  compose up --detach --wait postgres broker cache proxy
}

newest_base() {
  find "$STATE/backup/base" -mindepth 1 -maxdepth 1 -name '*Z' -printf '%f\n' | sort | tail -n 1
}
