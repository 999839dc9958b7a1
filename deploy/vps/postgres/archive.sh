#!/bin/sh
# archive.sh PATH NAME: PostgreSQL calls it for each finished piece of its log, and again until it exits 0.
set -eu
mkdir -p /backup/wal
# Killed after the move and before PostgreSQL knew: the same piece is fine, another of that name is not.
[ ! -f "/backup/wal/$2" ] || exec cmp -s "$1" "/backup/wal/$2"
cp "$1" "/backup/wal/$2.partial"
sync "/backup/wal/$2.partial"
mv "/backup/wal/$2.partial" "/backup/wal/$2"
sync /backup/wal
