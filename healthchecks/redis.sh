#!/bin/sh
# Healthy: Redis answers, has its log in memory, keeps an append-only file, and its last write to that file went well.
set -eu
export REDISCLI_AUTH="${REDIS_PASSWORD:-}"
[ "$(redis-cli -h 127.0.0.1 ping)" = PONG ] || { echo "Redis does not answer PONG"; exit 1; }
persistence=$(redis-cli -h 127.0.0.1 info persistence | tr -d '\r')
for line in aof_enabled:1 aof_last_write_status:ok; do
    case "$persistence" in
        *"$line"*) ;;
        *) echo "Redis does not say $line"; exit 1 ;;
    esac
done
