#!/usr/bin/env bash
# deploy.sh USER@HOST IMAGE: have the server put the image into service, over ssh; deploy/vps says how a server is prepared.
# Where no agent has a key, DEPLOY_KEY is one, and DEPLOY_KNOWN_HOSTS says how the server proves that it is the server (ssh-keyscan).
set -euo pipefail

readonly HOST=${1:?usage: deploy.sh USER@HOST IMAGE} IMAGE=${2:?usage: deploy.sh USER@HOST IMAGE}
readonly FOLDER=${DEPLOY_FOLDER:-/opt/holdfast} # where the clone is on the server
# It becomes a word of a command on the server.
[[ $IMAGE =~ ^[a-z0-9][a-z0-9._/:@-]+$ ]] || { echo "$IMAGE is not the name of an image" >&2; exit 1; }

options=(-o BatchMode=yes)
if [ -n "${DEPLOY_KEY:-}" ]; then
  secrets=$(mktemp -d)
  trap 'rm -rf "$secrets"' EXIT
  umask 077
  printf '%s\n' "$DEPLOY_KEY" >"$secrets/key"
  printf '%s\n' "${DEPLOY_KNOWN_HOSTS:?is needed with DEPLOY_KEY}" >"$secrets/known_hosts"
  options+=(-i "$secrets/key" -o IdentitiesOnly=yes -o UserKnownHostsFile="$secrets/known_hosts" -o StrictHostKeyChecking=yes)
fi
# shellcheck disable=SC2029 # they are meant to be known here
ssh "${options[@]}" "$HOST" "$FOLDER/deploy/vps/deploy.sh" "$IMAGE"
