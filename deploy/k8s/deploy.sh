#!/usr/bin/env bash
# deploy.sh OVERLAY: migrate, then roll the new release out; what does not become ready is taken back. For example deploy/k8s/overlays/staging.
# Needs kubectl with a context that may write into the overlay's namespace. Exits 0 only if the new release serves.
set -euo pipefail

readonly OVERLAY=${1:?usage: deploy.sh OVERLAY}
readonly MIGRATE_TIMEOUT=30m # the job's own deadline
readonly READY_TIMEOUT=5m    # a wave of pods, one after the other
readonly PROCESSES='app.kubernetes.io/component in (api, worker, relay)'
readonly NOT_PROCESSES='app.kubernetes.io/component notin (api, worker, relay)'

rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
kubectl kustomize "$OVERLAY" >"$rendered"
namespace=$(sed -n '/^kind: Namespace$/,/^---$/s/^  name: //p' "$rendered")

# A job cannot be changed, so the last one goes first. Old code goes on meanwhile: migrations expand.
kubectl --namespace "$namespace" delete job migrate --ignore-not-found
kubectl apply --selector "$NOT_PROCESSES" --filename "$rendered"
if ! kubectl --namespace "$namespace" wait --for=condition=Complete --timeout="$MIGRATE_TIMEOUT" job/migrate; then
  kubectl --namespace "$namespace" logs job/migrate --tail=50 || true
  echo "the schema was not brought forward; the old release goes on" >&2
  exit 1
fi

running=$(kubectl --namespace "$namespace" get deployment api --ignore-not-found --output name)
kubectl apply --selector "$PROCESSES" --filename "$rendered"
for deployment in api worker relay; do
  if ! kubectl --namespace "$namespace" rollout status "deployment/$deployment" --timeout="$READY_TIMEOUT"; then
    echo "$deployment did not become ready; going back" >&2
    [ -z "$running" ] || kubectl --namespace "$namespace" rollout undo deployment/api deployment/worker deployment/relay
    exit 1
  fi
done
