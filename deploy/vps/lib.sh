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

servers_up() {
  [ -f "$STATE/serving/colour.conf" ] || echo 'return 503;' >"$STATE/serving/colour.conf"
  compose run --rm --no-deps --entrypoint chown postgres postgres: /postgres /backup
  compose up --detach --wait postgres broker cache proxy
}

newest_base() {
  find "$STATE/backup/base" -mindepth 1 -maxdepth 1 -name '*Z' -printf '%f\n' | sort | tail -n 1
}
