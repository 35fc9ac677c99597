"""Works out what the NetworkPolicies allow, as a cluster would: a peer may be reached on a port if the policies of the
sender let it out and those of the receiver let it in. A pod that no policy selects may do anything.

A peer is a dictionary: `namespace`, `labels` (of the pod), and `address` for one outside the cluster.
"""

import ipaddress

import manifests

NAMESPACE = "scrutin"


def peer(name):
    """A pod of ours."""
    return {"namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "scrutin"}}


def foreign(namespace, **labels):
    """A pod of another namespace."""
    return {"namespace": namespace, "labels": labels}


def outside(address):
    """A machine that is no pod."""
    return {"namespace": None, "labels": {}, "address": address}


def allowed(policies, sender, receiver, port, protocol="TCP"):
    lets_out = passes(policies, "Egress", sender, receiver, port, protocol)
    return lets_out and passes(policies, "Ingress", receiver, sender, port, protocol)


def passes(policies, direction, subject, other, port, protocol="TCP"):
    """Whether the policies of `subject` let it send to the other ("Egress"), or be sent to ("Ingress")."""
    if subject["namespace"] is None:
        return True
    concerning = [policy for policy in policies if _concerns(policy, direction, subject)]
    if not concerning:
        return True
    rules = [rule for policy in concerning for rule in policy["spec"].get(direction.lower()) or []]
    peers = "from" if direction == "Ingress" else "to"
    return any(_peer_fits(rule.get(peers), other) and _port_fits(rule.get("ports"), port, protocol) for rule in rules)


def _concerns(policy, direction, subject):
    if policy["metadata"]["namespace"] != subject["namespace"] or direction not in policy["spec"]["policyTypes"]:
        return False
    return manifests.selects(policy["spec"]["podSelector"], subject["labels"])


def _peer_fits(peers, other):
    if not peers:
        return True
    return any(_one_peer_fits(candidate, other) for candidate in peers)


def _one_peer_fits(candidate, other):
    if "ipBlock" in candidate:
        assert "except" not in candidate["ipBlock"], "exceptions are not understood here"
        inside = ipaddress.ip_network(candidate["ipBlock"]["cidr"])
        return "address" in other and ipaddress.ip_address(other["address"]) in inside
    if other["namespace"] is None:
        return False
    if "namespaceSelector" in candidate:
        labels = {"kubernetes.io/metadata.name": other["namespace"]}
        if not manifests.selects(candidate["namespaceSelector"], labels):
            return False
    elif other["namespace"] != NAMESPACE:
        return False
    return manifests.selects(candidate.get("podSelector") or {}, other["labels"])


def _port_fits(ports, port, protocol):
    if not ports:
        return True
    assert all(isinstance(allowed["port"], int) and "endPort" not in allowed for allowed in ports), "plain numbers only"
    return any(allowed["port"] == port and allowed.get("protocol", "TCP") == protocol for allowed in ports)
