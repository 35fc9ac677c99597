#!/bin/sh
# Keeps this node in the cluster, beside the server, for as long as that runs:
#
# - Nodes know one another by addresses, and a pod that is started again has another one. The others learn it from the
#   node itself; but where all were started again at once, nobody knows an address any more. Names still lead there.
# - A node that lost its volume is a new and empty one. It becomes the replica of a primary that has none, and what it
#   was before is forgotten.
#
# It never gives or takes a slot, never promotes, and never empties a node; making the cluster is create.sh.
set -u
NAME=${NAME:-$(hostname)}
PAUSE_SECONDS=${PAUSE_SECONDS:-3}

at() {
    host=$1
    shift
    timeout 5 valkey-cli -h "$host" "$@" 2>/dev/null | tr -d '\r'
}
own() { at 127.0.0.1 "$@"; }
address_of() { timeout 5 getent hosts "$1" | head -n 1 | cut -d ' ' -f 1; }

# One line for each node that this one knows: id, address, name, flags, primary, link, slots; `-` for what is not there.
nodes() {
    own cluster nodes | while read -r id endpoint flags primary _ _ _ link slots; do
        address=${endpoint%%@*}
        name=${endpoint#*,}
        [ "$name" != "$endpoint" ] || name=-
        address=${address%:*}
        echo "$id ${address:--} ${name%%,*} $flags $primary $link ${slots:--}"
    done
}

mend_addresses() {
    echo "$known" | while read -r _ address name flags _ link _; do
        case "$name $link $flags" in "- "* | *" connected "* | *myself* | *handshake*) continue ;; esac
        now=$(address_of "$name")
        [ -z "$now" ] || [ "$now" = "$address" ] || own cluster meet "$now" 6379 >/dev/null
    done
}

# Primaries with slots that no replica follows.
orphans() {
    echo "$known" | while read -r id _ _ flags _ _ slots; do
        case "$flags $slots" in "master -") ;; "master "*)
            echo "$known" | grep -Eq "^[^ ]+ [^ ]+ [^ ]+ slave $id " || echo "$id" ;;
        esac
    done
}

# Nodes without slots that are no replicas, such as this one.
empty_nodes() {
    echo "$known" | while read -r id _ _ flags _ _ slots; do
        case "$flags $slots" in "master -" | "myself,master -") echo "$id" ;; esac
    done
}

# Of a cluster that is made: while create.sh works there is none, or nobody has a replica yet.
join_cluster() {
    if [ "$(echo "$known" | wc -l)" = 1 ]; then
        for peer in $NODES; do
            [ "$peer" != "$NAME" ] && at "$peer" cluster info | grep -qx cluster_slots_assigned:16384 || continue
            own cluster meet "$(address_of "$peer")" 6379 >/dev/null
            return
        done
        return
    fi
    own cluster info | grep -qx cluster_state:ok && echo "$known" | grep -Eq ' slave(,[^ ]+)? ' || return
    # If several are empty, the first takes the first, and so on.
    rank=$(empty_nodes | sort | grep -n "^$id_of_this$" | cut -d : -f 1)
    orphan=$(orphans | sort | sed -n "${rank:-1}p")
    # Seen twice, so that what others are just doing is not done again.
    if [ -n "$orphan" ] && [ "$orphan" = "$orphan_before" ]; then
        echo "redis-cluster: $NAME is empty, and becomes a replica of $orphan"
        own cluster replicate "$orphan"
    fi
    orphan_before=$orphan
}

# Of two nodes with one name, the one that failed is what the other was before it lost its volume. Each node forgets it
# for itself, all within a minute, as Valkey wants it. One that still owns slots is left to a person.
forget_lost_nodes() {
    echo "$known" | while read -r id _ name flags _ _ slots; do
        case "$name $flags $slots" in "- "* | *myself* | *"fail?"*) continue ;; *fail*" -") ;; *) continue ;; esac
        echo "$known" | grep -Eq "^[^ ]+ [^ ]+ $name (myself,)?(master|slave) [^ ]+ connected " || continue
        echo "redis-cluster: forgets $id, which $name was before it lost its volume"
        own cluster forget "$id" >/dev/null
    done
}

orphan_before=
while :; do
    touch "${TURN:-/tmp/turn}"
    known=$(nodes)
    self=$(echo "$known" | grep ' myself,')
    id_of_this=${self%% *}
    case $self in
        "") # it is not up yet, or loads its file
            sleep "$PAUSE_SECONDS"
            continue ;;
        *" myself,master "*" -") [ "$(own dbsize)" = 0 ] && join_cluster ;;
    esac
    forget_lost_nodes
    mend_addresses
    sleep "$PAUSE_SECONDS"
done
