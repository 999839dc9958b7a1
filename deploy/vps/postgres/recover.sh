#!/bin/bash
# recover.sh BASE [TIME]: make /postgres/data of a base backup, so that PostgreSQL replays the archive when it starts. Runs as postgres.
# Up to TIME (2026-11-26 15:04:05+00), or as far as there is something. The folder that was there is kept beside it.
set -euo pipefail
base=/backup/base/$1 until=${2:-}

kept=/postgres/none
if [ -d /postgres/data ]; then
  kept=/postgres/data.before-$(date -u +%Y%m%dT%H%M%SZ)
  mv /postgres/data "$kept"
fi
install -d -m 700 /postgres/data
tar -xzf "$base/base.tar.gz" -C /postgres/data
tar -xzf "$base/pg_wal.tar.gz" -C /postgres/data/pg_wal
# What was committed after the last archived piece is in the old folder, if that survived.
cat >>/postgres/data/postgresql.auto.conf <<CONF
restore_command = 'cp /backup/wal/%f %p || cp $kept/pg_wal/%f %p'
recovery_target_action = 'promote'
CONF
if [ -n "$until" ]; then
  echo "recovery_target_time = '$until'" >>/postgres/data/postgresql.auto.conf
fi
touch /postgres/data/recovery.signal
