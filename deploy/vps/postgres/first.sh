#!/bin/bash
# Once, on an empty data folder: the role of the application, which owns its database and nothing else.
set -euo pipefail
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 --set password="$ROLE_PASSWORD" <<'SQL'
CREATE ROLE holdfast LOGIN PASSWORD :'password';
CREATE DATABASE holdfast OWNER holdfast TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
SQL
