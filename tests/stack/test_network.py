"""The network policies allow exactly the arrows of the picture in docs/architecture.md."""

import unittest

import manifests
import network
from manifests import OURS, containers, named, of_kind, overlay, plain


class Network(unittest.TestCase):
    PORTS = {80, 443, 53, 5432, 6379, 6443, 8000, 8080, 9090, 16379}
    SERVERS = {"redis": network.outside("192.0.2.10"), "postgres": network.outside("198.51.100.10")}

    def arrows(self, policies, peers):
        names = list(peers)
        return {
            (a, b, port)
            for a in names
            for b in names
            for port in self.PORTS
            if a != b
            and not (peers[a]["namespace"] != network.NAMESPACE and peers[b]["namespace"] != network.NAMESPACE)
            if network.allowed(policies, peers[a], peers[b], port)
        }

    def peers(self):
        ours = {name: network.peer(name) for name in [*OURS, "redis", "postgres", "stranger"]}
        return {**ours, "ingress controller": network.foreign("ingress-nginx"),
                "dns": network.foreign("kube-system", **{"k8s-app": "kube-dns"}),
                "monitoring": network.foreign("monitoring"), "internet": network.outside("203.0.113.9")}

    EVERYBODY = ["ingress controller", "dns", "monitoring", "internet"]
    PUBLIC = {(who, to, 8080) for who in EVERYBODY for to in ["vote", "result"]}
    NAMES = {(who, "dns", 53) for who in OURS}

    def test_plainly_exactly_the_arrows_of_the_picture_are_allowed(self):
        inner = {
            ("vote", "redis", 6379),
            ("worker", "redis", 6379),
            ("worker", "postgres", 5432),
            ("result", "postgres", 5432),
        }
        self.assertEqual(self.arrows(of_kind(plain(), "NetworkPolicy"), self.peers()), inner | self.PUBLIC | self.NAMES)

    def test_no_policy_is_for_both_directions(self):
        # With one for vote, kube-router let its pods reach one another.
        for where, documents in {**manifests.installations(), "observability": overlay("observability")}.items():
            for policy in of_kind(documents, "NetworkPolicy"):
                with self.subTest(where=where, policy=policy["metadata"]["name"]):
                    (direction,) = policy["spec"]["policyTypes"]
                    self.assertEqual({"ingress", "egress"} & policy["spec"].keys() - {direction.lower()}, set())

    def test_either_end_of_an_arrow_would_hold_without_the_other(self):
        policies, peers = of_kind(plain(), "NetworkPolicy"), self.peers()
        for server, port, clients in [("redis", 6379, {"vote", "worker"}), ("postgres", 5432, {"worker", "result"})]:
            admitted = {name for name in peers if network.passes(policies, "Ingress", peers[server], peers[name], port)}
            sending = {name for name in OURS if network.passes(policies, "Egress", peers[name], peers[server], port)}
            self.assertEqual((admitted, sending), (clients, clients), server)

    def test_in_production_the_same_arrows_lead_to_the_managed_servers(self):
        managed = {f"managed {name}": server for name, server in self.SERVERS.items()}
        peers = {name: peer for name, peer in {**self.peers(), **managed}.items() if name not in ["redis", "postgres"]}
        inner = {("vote", "managed redis", 6379), ("worker", "managed redis", 6379),
                 ("worker", "managed postgres", 5432), ("result", "managed postgres", 5432)}
        public = self.PUBLIC | {(who, to, 8080) for who in managed for to in ["vote", "result"]}
        self.assertEqual(
            self.arrows(of_kind(manifests.managed(), "NetworkPolicy"), peers), inner | public | self.NAMES
        )

    def test_in_production_nodes_speak_to_nodes_and_the_operator_to_its_own(self):
        nodes = {"node": network.peer("redis-cluster"), "other node": network.peer("redis-cluster")}
        databases = {name: {"namespace": network.NAMESPACE, "labels": {"cnpg.io/cluster": "postgres"}}
                     for name in ["primary", "standby"]}
        job, operator = network.peer("redis-cluster-create"), network.foreign("cnpg-system")
        ours = {name: peer for name, peer in self.peers().items() if name not in ["redis", "postgres"]}
        peers = {**ours, **nodes, **databases, "job": job, "operator": operator}
        outside = [*self.EVERYBODY, "operator"]
        between = [("node", "other node"), ("other node", "node")]
        standing_by = [("primary", "standby"), ("standby", "primary")]
        wanted = {(who, to, 6379) for who in ["vote", "worker", "job"] for to in nodes}
        wanted |= {(who, to, port) for who, to in between for port in [6379, 16379]}
        wanted |= {(who, to, 5432) for who in ["worker", "result"] for to in databases}
        wanted |= {(who, to, port) for who, to in standing_by for port in [5432, 8000]}
        wanted |= {("operator", to, port) for to in databases for port in [5432, 8000]}
        # Where the cluster's API is, nobody here knows.
        wanted |= {(who, to, port) for who in databases for to in outside for port in [443, 6443]}
        wanted |= {(who, to, 8080) for who in outside for to in ["vote", "result"]}
        wanted |= {(who, "dns", 53) for who in [*OURS, *nodes, *databases, "job"]}
        self.assertEqual(self.arrows(of_kind(overlay("production"), "NetworkPolicy"), peers), wanted)

    def test_observability_lets_prometheus_and_nobody_else_read_metrics(self):
        before = of_kind(plain(), "NetworkPolicy")
        after = before + of_kind(overlay("observability"), "NetworkPolicy")
        added = self.arrows(after, self.peers()) - self.arrows(before, self.peers())
        self.assertEqual(added, {("monitoring", name, 9090) for name in OURS})

    def test_a_pod_that_no_rule_mentions_can_do_nothing(self):
        reached = {
            arrow for arrow in self.arrows(of_kind(plain(), "NetworkPolicy"), self.peers()) if "stranger" in arrow
        }
        self.assertFalse(reached)

    def test_the_ports_of_the_rules_are_those_of_the_pods(self):
        documents = plain()
        for name, port in [("vote", 8080), ("result", 8080), ("redis", 6379), ("postgres", 5432)]:
            workload = named(documents, "Deployment", name) or named(documents, "StatefulSet", name)
            self.assertIn(port, [p["containerPort"] for p in containers(workload)[0]["ports"]])
            listen = {v["name"]: v.get("value") for v in containers(workload)[0].get("env", [])}.get("LISTEN_ADDR")
            self.assertIn(listen, [None, f"[::]:{port}"])


if __name__ == "__main__":
    unittest.main()
