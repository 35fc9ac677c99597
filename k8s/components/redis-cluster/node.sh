#!/bin/sh
# Starts this node of the cluster. The others learn its present address and its lasting name from it; `place` is where
# it runs, for the choice of replicas (create.sh). The password goes to the server's standard input: arguments can be
# read by everybody on the machine.
set -eu
NAME=${NAME:-$(hostname)}
address=${ADDRESS:-$(hostname -i | cut -d ' ' -f 1)}
place=${ZONE:-}/${MACHINE:-$(hostname)}
if [ -n "${REDIS_PASSWORD:-}" ]; then
    login="requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD"
else
    login="protected-mode no"
fi
exec valkey-server "${0%/*}/valkey.conf" - <<CONFIG
cluster-announce-ip $address
cluster-announce-hostname $NAME
availability-zone $place
$login
CONFIG
