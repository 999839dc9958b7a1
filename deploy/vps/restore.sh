#!/usr/bin/env bash
# restore.sh [BASE [TIME]]: make the database of a base backup and the log after it; the newest, and as far as there is something, unless named.
# The data folder that was there is kept beside the new one. Whoever wants an earlier moment names a base from before it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RECOVER_SECONDS=3600

alone
base=${1:-$(newest_base)}
[ -n "$base" ] || fail "there is no backup in $STATE/backup/base"
compose stop --timeout 60 api-blue-1 api-blue-2 api-green-1 api-green-2 worker relay postgres
compose run --rm --no-deps --entrypoint chown postgres postgres: /postgres /backup
compose run --rm --no-deps --user postgres --entrypoint /vps/recover.sh postgres "$base" ${2:+"$2"}
compose up --detach --no-deps postgres
deadline=$((SECONDS + RECOVER_SECONDS))
until [ "$(sql 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "PostgreSQL is still recovering; docker compose logs postgres says how far it is"
  sleep 1
done
for setting in restore_command recovery_target_action recovery_target_time; do
  sql "ALTER SYSTEM RESET $setting"
done
# The broker may hold ids of mails that are no longer owed; a worker finds no such row and drops them.
IMAGE_OPERATOR=$IMAGE_WORKERS compose run --rm operator reconcile || echo "counters and reservations differ: holdfast reconcile --repair makes them agree" >&2
compose up --detach --no-deps --wait "api-$ACTIVE-1" "api-$ACTIVE-2" worker relay
echo "restored from $base; a new base backup is due: run backup.sh"
