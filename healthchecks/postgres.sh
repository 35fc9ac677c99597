#!/bin/sh
# Healthy: PostgreSQL answers a query. Over TCP, because while the image prepares the database it listens on its
# socket only.
set -eu
user=${POSTGRES_USER:-postgres}
export PGPASSWORD="${POSTGRES_PASSWORD:-}" PGCONNECT_TIMEOUT=3
answer=$(psql -h 127.0.0.1 -U "$user" -d "${POSTGRES_DB:-$user}" -Atqc 'SELECT 1')
[ "$answer" = 1 ] || { echo "PostgreSQL answered \"$answer\""; exit 1; }
