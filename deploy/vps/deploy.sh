#!/usr/bin/env bash
# deploy.sh IMAGE: put a release into service without failing a request. deploy.sh --back: the one before.
# Exits 0 only when the new release serves; otherwise the old one does, as before.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

READY_SECONDS=60 # a start takes five; what takes a minute is broken
DRAIN_SECONDS=10 # the proxy's old processes finish what they have passed on
STOP_SECONDS=30  # 20 s are the API's own, to finish what was accepted

main() {
  local wanted=${1:?usage: deploy.sh IMAGE, or deploy.sh --back} next image before
  alone
  next=$([ "$ACTIVE" = blue ] && echo green || echo blue)
  before=$IMAGE_WORKERS
  if [ "$wanted" = --back ]; then
    image=$(image_of "$next")
    [ -n "$image" ] || fail "there is no release before this one"
  else
    image=$wanted
    # Named by its digest or its version, it is what it was; and one that was built here has no registry to come from.
    docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image"
  fi
  servers_up
  # The schema of a newer release suits the one before it, which does not know how to go back.
  [ "$wanted" = --back ] || IMAGE_OPERATOR=$image compose run --rm operator migrate || fail "the schema was not brought forward; nothing has changed"
  start "$next" "$image" || give_up "$next" "$before"
  shift_to "$next" || give_up "$next" "$before"
  remember "$next" "$image"
  [ -z "$before" ] || drain "$([ "$next" = blue ] && echo green || echo blue)"
  echo "$image serves, as $next"
}

image_of() {
  [ "$1" = blue ] && echo "$IMAGE_BLUE" || echo "$IMAGE_GREEN"
}

start() { # colour image
  [ "$1" = blue ] && IMAGE_BLUE=$2 || IMAGE_GREEN=$2
  IMAGE_WORKERS=$2
  compose up --detach --no-deps --wait --wait-timeout "$READY_SECONDS" "api-$1-1" "api-$1-2" worker relay
}

shift_to() { # colour
  cp "$STATE/serving/colour.conf" "$STATE/serving/before"
  echo "proxy_pass http://$1;" >"$STATE/serving/new"
  mv "$STATE/serving/new" "$STATE/serving/colour.conf"
  if ! compose exec -T proxy nginx -q -t; then
    mv "$STATE/serving/before" "$STATE/serving/colour.conf"
    return 1
  fi
  compose exec -T proxy nginx -s reload
}

remember() { # colour image
  printf 'ACTIVE=%s\nIMAGE_BLUE=%s\nIMAGE_GREEN=%s\nIMAGE_WORKERS=%s\n' "$1" "$IMAGE_BLUE" "$IMAGE_GREEN" "$2" >"$RELEASE.new"
  mv "$RELEASE.new" "$RELEASE"
}

drain() { # colour
  sleep "$DRAIN_SECONDS"
  compose stop --timeout "$STOP_SECONDS" "api-$1-1" "api-$1-2"
  compose rm --force "api-$1-1" "api-$1-2"
}

give_up() { # colour, and the image that worker and relay had
  compose logs --tail 20 "api-$1-1" worker relay >&2 || true
  compose rm --stop --force "api-$1-1" "api-$1-2"
  if [ -n "$2" ]; then
    IMAGE_WORKERS=$2 compose up --detach --no-deps worker relay
  fi
  fail "the new release was not ready within $READY_SECONDS s; the old one serves"
}

main "$@"
