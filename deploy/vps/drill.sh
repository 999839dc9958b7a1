#!/usr/bin/env bash
# drill.sh: restore the newest backup beside the running system, and compare. Exits 0 only if every reservation of this moment is in it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RECOVER_SECONDS=3600
ARCHIVE_SECONDS=150 # PostgreSQL looks once a minute for what it could not archive at once
COUNTS="SELECT (SELECT count(*) FROM reservations) || ' ' || (SELECT count(*) FROM stock_movements) || ' ' || (SELECT version_num FROM alembic_version)"

drilled() {
  docker exec --user postgres "$container" psql --no-psqlrc --quiet --tuples-only --no-align --username postgres --dbname holdfast --command "$1"
}

clean() {
  docker rm --force --volumes "$container" >/dev/null 2>&1 || true
}

alone
base=$(newest_base)
[ -n "$base" ] || fail "there is no backup in $STATE/backup/base"
container=holdfast-drill-$$
trap clean EXIT
then=$(sql "$COUNTS")
started=$SECONDS
marker=$(sql "SELECT pg_current_wal_lsn()")
piece=$(sql "SELECT pg_walfile_name(pg_switch_wal())")
# Only PostgreSQL may look into the folder.
until compose exec -T --user postgres postgres test -f "/backup/wal/$piece"; do
  [ "$((SECONDS - started))" -lt "$ARCHIVE_SECONDS" ] || fail "PostgreSQL does not archive its log: $piece is missing in $STATE/backup/wal"
  sleep 1
done

docker run --detach --name "$container" --network none --volume "$STATE/backup:/backup:ro" --volume "$HERE/postgres:/vps:ro" --volume /postgres \
  --env PGDATA=/postgres/data --entrypoint sleep postgres:17 "$RECOVER_SECONDS" >/dev/null
docker exec "$container" chown postgres: /postgres
docker exec --user postgres "$container" /vps/recover.sh "$base"
docker exec --user postgres "$container" pg_ctl --silent --wait --timeout "$RECOVER_SECONDS" --log /postgres/log start
until [ "$(drilled 'SELECT pg_is_in_recovery()')" = f ]; do
  [ "$((SECONDS - started))" -lt "$RECOVER_SECONDS" ] || fail "still recovering after $RECOVER_SECONDS s"
  sleep 1
done
now=$(drilled "$COUNTS")
violations=$(drilled "SELECT count(*) FROM invariant_violation")
echo "$base and its log gave (reservations, movements, schema) $now in $((SECONDS - started)) s; there were $then at $marker"
read -r then_reservations then_movements then_schema <<<"$then"
read -r now_reservations now_movements now_schema <<<"$now"
[ "$now_reservations" -ge "$then_reservations" ] && [ "$now_movements" -ge "$then_movements" ] && [ "$now_schema" = "$then_schema" ] ||
  fail "something is missing"
[ "$violations" = 0 ] || fail "$violations counters do not agree with the reservations"
