#!/bin/sh
# Ready: this node sees most of the primaries, and is a primary with slots, or a replica that follows its primary. Not
# ready are a node without slots, one that is cut off or loads its file, and all of them before the cluster is made.
set -eu
ask() { timeout 2 valkey-cli -h 127.0.0.1 "$@" | tr -d '\r'; }
ask cluster info | grep -qx cluster_state:ok || { echo "the cluster's state is not ok, as this node sees it"; exit 1; }
replication=$(ask info replication)
case $replication in
    *role:master*)
        # id, address, flags, five more, and then the slots.
        ask cluster nodes | grep -Eq '^[^ ]+ [^ ]+ myself,[^ ]+( [^ ]+){5} [0-9]' || { echo "has no slots"; exit 1; } ;;
    *master_link_status:up*) ;;
    *) echo "does not follow its primary"; exit 1 ;;
esac
