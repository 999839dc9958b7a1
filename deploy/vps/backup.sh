#!/usr/bin/env bash
# backup.sh: a base backup, from which the archived log leads to any later moment; what is older than a week goes. A timer runs it each night.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

KEEP_DAYS=7

alone
name=$(date -u +%Y%m%dT%H%M%SZ)
compose exec -T --user postgres postgres mkdir -p /backup/base
compose exec -T --user postgres postgres pg_basebackup --username postgres --pgdata "/backup/base/$name.partial" --format tar --gzip --wal-method stream --checkpoint fast
compose exec -T --user postgres postgres mv "/backup/base/$name.partial" "/backup/base/$name"
# Only now, so that there is never less than one. The log of a day more than the backups: each of them begins somewhat before its name.
compose exec -T --user postgres postgres find /backup/base -mindepth 1 -maxdepth 1 -mtime "+$KEEP_DAYS" -exec rm -r {} +
compose exec -T --user postgres postgres find /backup/wal -type f -mtime "+$((KEEP_DAYS + 1))" -delete
echo "$STATE/backup/base/$name"
