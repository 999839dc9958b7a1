#!/usr/bin/env bash
# rehearse.sh IMAGE: the life of a server with the scripts beside this one, in a folder that is gone afterwards: a first release, and under load an
# upgrade with a migration, a release that never becomes ready and a roll-back; a backup, its drill, and a destroyed database restored.
# Exits 0 only if no request failed and nothing that was acknowledged is missing. RATE is of requests a second; every tenth is a reservation.
# Needs Docker and make setup. What else runs here is left alone, but for the ports below and the network of compose.yaml.
STATE=$(mktemp -d)
export STATE PROJECT=holdfast-rehearsal HTTP=${HTTP:-18080} HTTPS=${HTTPS:-18443} SHARED_BUFFERS=128MB POSTGRES_MEMORY=1G
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

IMAGE=${1:?usage: rehearse.sh IMAGE}
RATE=${RATE:-50}
ADMIN=boss@rehearsal.example
export HOLDFAST_TEST_PASSWORD=only-for-the-rehearsal-0123456789 # of an account that is gone in ten minutes
PLACED=$STATE/placed

main() {
  trap clean EXIT
  images
  new_state rehearsal.example
  # Nobody gets a mail here, and one caller sends what thousands do.
  sed -i 's#^HOLDFAST_SMTP_URL=.*#HOLDFAST_SMTP_URL=smtp://127.0.0.1:1#' "$STATE/holdfast.env"
  echo HOLDFAST_RATE_LIMIT_FACTOR=1000 >>"$STATE/holdfast.env"
  certificate_of_its_own rehearsal.example
  chmod 644 "$STATE/tls/privkey.pem" # whoever runs this may not be root, and the proxy reads only what is root's or everybody's

  step "a first release"
  "$HERE/deploy.sh" "$IMAGE"
  operator accounts create-admin "$ADMIN" <<<"$HOLDFAST_TEST_PASSWORD"
  step "an upgrade with a migration, under load"
  under_load 60 "$HERE/deploy.sh" holdfast-rehearsal:next
  step "a release that never becomes ready, under load"
  ! under_load 90 "$HERE/deploy.sh" holdfast-rehearsal:broken || fail "a release that does not start was put into service"
  [ "$(serving)" = holdfast-rehearsal:next ] || fail "the old release does not serve"
  step "back to the release before, under load"
  under_load 60 "$HERE/deploy.sh" --back
  [ "$(serving)" = "$IMAGE" ] || fail "the release before does not serve"
  step "a backup, and its drill"
  "$HERE/backup.sh"
  "$HERE/drill.sh"
  step "PostgreSQL is killed under load, its data destroyed, and restored"
  load 20 >/dev/null 2>&1 & # what comes after the kill fails
  sleep 10
  compose kill postgres
  compose run --rm --no-deps --entrypoint rm postgres -r /postgres/data/base /postgres/data/global
  wait $! || true
  "$HERE/restore.sh"
  nothing_is_missing
}

images() { # the release after this one, with a migration, and one that never becomes ready
  docker build --quiet --tag holdfast-rehearsal:next - <<DOCKERFILE
FROM $IMAGE
COPY <<'PY' /opt/holdfast/migrations/versions/29991231_1_rehearsal.py
"""A column and an index, as a release might bring them. Expands."""
from alembic import op
revision, down_revision = "29991231_1", "$(newest_revision)"
def upgrade():
    op.execute("ALTER TABLE reservations ADD COLUMN rehearsed boolean")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY reservations_rehearsed ON reservations (rehearsed)")
PY
DOCKERFILE
  docker build --quiet --tag holdfast-rehearsal:broken - <<DOCKERFILE
FROM holdfast-rehearsal:next
CMD ["sleep", "infinity"]
DOCKERFILE
}

newest_revision() {
  docker run --rm "$IMAGE" python -c 'from services.runtime.readiness import newest_migration; print(newest_migration())'
}

step() {
  printf '\n--- %s\n' "$*"
}

operator() {
  IMAGE_OPERATOR=$IMAGE compose run --rm -T operator "$@"
}

load() { # seconds
  (cd "$HERE/../.." && .venv/bin/python -m tests.load.through_deploy "https://127.0.0.1:$HTTPS" --email "$ADMIN" --seconds "$1" --rate "$RATE" --placed "$PLACED")
}

under_load() { # seconds, and what to do meanwhile; its exit status, unless a request failed
  local seconds=$1 status=0
  shift
  load "$seconds" &
  sleep 5
  "$@" || status=$?
  wait $! || fail "a request failed"
  return "$status"
}

serving() {
  # shellcheck source=/dev/null
  (. "$RELEASE" && [ "$ACTIVE" = blue ] && echo "$IMAGE_BLUE" || echo "$IMAGE_GREEN")
}

nothing_is_missing() {
  local missing
  missing=$({
    echo 'CREATE TEMP TABLE placed (id uuid); COPY placed FROM stdin;'
    cat "$PLACED"
    printf '%s\n' '\.' 'SELECT count(*) FROM placed WHERE id NOT IN (SELECT reservation_id FROM reservations)'
  } | compose exec -T --user postgres postgres psql --no-psqlrc --quiet --tuples-only --no-align --username postgres --dbname holdfast)
  echo "of $(wc -l <"$PLACED") reservations that were acknowledged, $missing are missing"
  [ "$missing" = 0 ]
}

clean() {
  compose --profile operator down --volumes --timeout 5
  docker run --rm --volume "$STATE:/state" --entrypoint find postgres:17 /state -mindepth 1 -delete # some of it is PostgreSQL's
  rmdir "$STATE"
  docker image rm --force holdfast-rehearsal:next holdfast-rehearsal:broken >/dev/null 2>&1 || true
}

main
