#!/bin/sh
# Makes the cluster of NODES (six names): gives the slots to the first three, and each of the others a primary to
# follow. Once and only once: on a cluster that is made it changes nothing, one that is half made it completes, and of
# nodes that are something else it touches none. It never takes slots away and never empties a node.
set -eu
LIMIT_SECONDS=${LIMIT_SECONDS:-300}

at() {
    host=$1
    shift
    timeout 5 valkey-cli -h "$host" "$@" 2>/dev/null | tr -d '\r' || true
}
say() { echo "redis-cluster: $*"; }
fail() {
    say "$*" >&2
    exit 1
}
# The nth word, from 0.
nth() {
    shift "$(($1 + 1))"
    echo "$1"
}
node() { nth "$1" $NODES; }
address_of() { getent hosts "$1" | head -n 1 | cut -d ' ' -f 1; }
wait_until() {
    what=$1
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || fail "waited $LIMIT_SECONDS s for $what"
        sleep 1
    done
}

answer() { for name in $NODES; do [ "$(at "$name" ping)" = PONG ] || return 1; done; }
slots_of() { at "$1" cluster nodes | grep ' myself,' | cut -d ' ' -f 9-; }
keys_of() { at "$1" dbsize; }
info_of() {
    value=$(at "$1" cluster info | sed -n "s/^$2://p")
    echo "${value:-0}"
}
is_replica() { at "$1" cluster nodes | grep -q ' myself,slave '; }

# Whether all slots have owners, as any node sees it.
all_given() {
    for name in $NODES; do
        [ "$(info_of "$name" cluster_slots_assigned)" != 16384 ] || return 0
    done
    return 1
}

# Where the second and the third primary's slots begin. The slots of the partitions lie anywhere, so they are cut where
# each primary gets its third of the partitions. Other keys than theirs there are none.
cuts() {
    if [ "$PARTITIONS" -lt 3 ]; then
        echo 5461 10923
        return
    fi
    partition=0
    while [ "$partition" -lt "$PARTITIONS" ]; do
        at "$(node 0)" cluster keyslot "{scrutin:$partition}:log"
        partition=$((partition + 1))
    done | sort -n | sed -n "$(((PARTITIONS + 2) / 3 + 1))p;$(((2 * PARTITIONS + 2) / 3 + 1))p" | tr '\n' ' '
}

# Looks at all nodes before it changes one.
give_slots() {
    set -- $(cuts)
    [ $# = 2 ] || fail "the slots of $PARTITIONS partitions can't be told"
    ranges="0-$(($1 - 1)) $1-$(($2 - 1)) $2-16383"
    for number in 0 1 2 3 4 5; do
        name=$(node "$number")
        slots=$(slots_of "$name")
        case $number in [012]) range=$(nth "$number" $ranges) ;; *) range= ;; esac
        [ -z "$slots" ] || [ "$slots" = "$range" ] ||
            fail "$name has the slots $slots, and should have ${range:-none}: made for other PARTITIONS, or by hand. \
Nothing was changed; see docs/operations.md, \"A Redis Cluster in Kubernetes\""
        [ -n "$slots" ] || [ "$(keys_of "$name")" = 0 ] ||
            fail "$name has keys, and no slots: it was another server before. Nothing was changed"
    done
    for number in 0 1 2; do
        name=$(node "$number")
        [ -z "$(slots_of "$name")" ] || continue
        range=$(nth "$number" $ranges)
        at "$name" cluster set-config-epoch "$((number + 1))" >/dev/null # refused where it has one
        [ "$(at "$name" cluster addslotsrange "${range%-*}" "${range#*-}")" = OK ] ||
            fail "$name does not take the slots $range"
        say "$name has the slots $range"
    done
}

introduce() {
    for name in $NODES; do
        [ "$(info_of "$name" cluster_known_nodes)" = 1 ] || continue
        [ "$(keys_of "$name")" = 0 ] || [ -n "$(slots_of "$name")" ] || continue
        at "$first" cluster meet "$(address_of "$name")" 6379 >/dev/null
    done
}
met() {
    introduce
    for name in $NODES; do
        [ "$(info_of "$name" cluster_state)" = ok ] && [ "$(info_of "$name" cluster_known_nodes)" -ge 6 ] || return 1
    done
}

place_of() {
    place=$(at "$1" config get availability-zone | tail -n 1)
    echo "${place:-/}"
}
# 2 for two zones, 1 for two machines of one, 0 for one machine.
apart() {
    if [ "${1%%/*}" != "${2%%/*}" ]; then echo 2; elif [ "$1" != "$2" ]; then echo 1; else echo 0; fi
}

# Each replica in another zone than its primary, or at least on another machine, as far as their places allow. Where
# some node is a replica already, member.sh beside each node does the rest.
give_replicas() {
    for name in $NODES; do
        ! is_replica "$name" || return 0
    done
    places=$(for name in $NODES; do place_of "$name"; done)
    best=-1
    for order in "3 4 5" "4 5 3" "5 3 4" "3 5 4" "4 3 5" "5 4 3"; do
        sum=0
        for primary in 0 1 2; do
            replica=$(nth "$primary" $order)
            sum=$((sum + $(apart "$(nth "$primary" $places)" "$(nth "$replica" $places)")))
        done
        [ "$sum" -le "$best" ] || { best=$sum best_order=$order; }
    done
    for primary in 0 1 2; do
        replica=$(nth "$primary" $best_order)
        id=$(at "$(node "$primary")" cluster myid)
        [ "$(at "$(node "$replica")" cluster replicate "$id")" = OK ] ||
            fail "$(node "$replica") does not become the replica of $(node "$primary")"
        say "$(node "$replica") follows $(node "$primary")"
    done
}

# Three primaries with slots, and three replicas that follow.
complete() {
    following=0 owning=0
    for name in $NODES; do
        replication=$(at "$name" info replication)
        case $replication in
            *master_link_status:up*) following=$((following + 1)) ;;
            *role:master*) [ -z "$(slots_of "$name")" ] || owning=$((owning + 1)) ;;
        esac
    done
    [ "$following $owning" = "3 3" ]
}

deadline=$(($(date +%s) + LIMIT_SECONDS))
wait_until "all nodes to answer" answer
first=$(node 0)
if all_given; then
    say "all slots have owners already, and keep them"
    for name in $NODES; do
        [ "$(info_of "$name" cluster_slots_assigned)" != 16384 ] || first=$name
    done
else
    give_slots
fi
wait_until "the nodes to meet" met
give_replicas
wait_until "three primaries with a replica each" complete
say "made: $(at "$first" cluster info | grep -E '^cluster_(state|size|known_nodes):' | tr '\n' ' ')"
