"""The Redis Cluster's component on a real Kubernetes: what happens to the votes when pods and volumes are lost.

Each test finds the cluster as the one before left it."""

import unittest

import kube
import manifests
import stack
from crowd import Crowd
from engine import wait
from kube import SLOW, kubectl, ours, pods
from manifests import named

HERE = kube.HERE / "redis-cluster"
NODES = [f"redis-cluster-{number}" for number in range(6)]
PASSWORD = "for-the-test-only"


def ask(node, *words):
    return ours("exec", node, "--container", "redis", "--", "valkey-cli", *words, timeout=30).strip()


def members(node=NODES[0]):
    """name → its id, flags, the id of its primary, and its slots, as a node sees the cluster."""
    found = {}
    for line in ask(node, "cluster", "nodes").splitlines():
        id, endpoint, flags, primary, _, _, _, _, *slots = line.split()
        name = endpoint.partition(",")[2].split(".")[0]
        assert name not in found, f"{name} is there twice"
        found[name] = (id, flags.removeprefix("myself,"), primary, slots)
    return found


def whole():
    """Three primaries with a replica each, all ready."""
    states = [pod["status"].get("containerStatuses", []) for pod in pods("redis-cluster")]
    ready = sum(len(state) == 2 and all(container["ready"] for container in state) for state in states)
    assert ready == 6, f"{ready} nodes are ready"
    found = members()
    primaries = {id for id, flags, _, slots in found.values() if flags == "master" and slots}
    followed = {primary for _, flags, primary, _ in found.values() if flags == "slave"}
    assert len(found) == 6 and len(primaries) == 3 and followed == primaries, found
    return found


def install():
    """A new installation with a Redis Cluster, in place of the one that is there."""
    kubectl("delete", "namespace", "scrutin", "--ignore-not-found", "--wait")
    kubectl("apply", "--filename", str(manifests.K8S / "base" / "00-namespace.yaml"))
    names = ",".join(f"{node}.redis-cluster" for node in NODES)
    ours("create", "secret", "generic", "redis", f"--from-literal=REDIS_PASSWORD={PASSWORD}",
         f"--from-literal=REDIS_URL=redis+cluster://:{PASSWORD}@{names}")


def make_again():
    """Runs the Job that makes the cluster, and waits for it; what it said."""
    ours("delete", "job", "redis-cluster-create", "--ignore-not-found", "--wait")
    kubectl("apply", "--kustomize", str(HERE))
    ours("wait", "job/redis-cluster-create", "--for=condition=Complete", f"--timeout={SLOW}s")
    return ours("logs", "job/redis-cluster-create")


class RedisCluster(unittest.TestCase):
    def test_the_cluster_is_made_once_and_only_once(self):
        install()
        make_again()
        made = wait("the cluster to be whole", whole, SLOW)
        said = make_again()
        self.assertIn("already", said)
        self.assertEqual(whole(), made)

    def test_each_primary_has_a_third_of_the_partitions(self):
        settings = named(manifests.built(HERE), "ConfigMap", "scrutin")["data"]
        share = {}
        for partition in range(int(settings["PARTITIONS"])):
            name = owner_of(partition)
            share[name] = share.get(name, 0) + 1
        self.assertEqual(sorted(share.values()), [int(settings["PARTITIONS"]) // 3] * 3)

    def test_no_ballot_is_lost_with_a_primary_and_its_volume(self):
        kube.wait_ready(*manifests.OURS)
        wait("the Ingress to lead to result", lambda: kube.ask("/", "result").status == 200, SLOW)
        with Crowd(rate=100):
            lost = owner_of(0)
            id = members()[lost][0]
            ours("delete", "pvc", f"data-{lost}", "--wait=false")
            ours("delete", "pod", lost, "--grace-period=0", "--force")

            def replaced():
                found = whole()
                assert lost in found, f"{lost} has no name yet"
                assert found[lost][0] != id, "it has its volume still"
                return found

            with kube.taking("until an empty node had taken the place of a primary"):
                after = wait("an empty node to take its place", replaced, SLOW)
            self.assertEqual(after[lost][1], "slave")
        kube.recount()

    def test_all_nodes_started_again_at_once_find_one_another(self):
        before = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods("redis-cluster")}
        with Crowd(rate=100):
            ours("delete", "pod", *NODES, "--grace-period=0", "--force")

            def elsewhere():
                now = {pod["metadata"]["name"]: pod["status"].get("podIP") for pod in pods("redis-cluster")}
                assert all(now.get(name) not in [None, address] for name, address in before.items()), now
                return whole()

            with kube.taking("until all nodes were back at other addresses"):
                wait("all nodes to be back at other addresses", elsewhere, SLOW)
        kube.recount()

    def test_a_replica_lost_with_its_volume_is_replaced(self):
        lost = next(name for name, (_, flags, _, _) in whole().items() if flags == "slave" and name != NODES[0])
        id = members()[lost][0]
        ours("delete", "pvc", f"data-{lost}", "--wait=false")
        ours("delete", "pod", lost, "--grace-period=0", "--force")
        wait("an empty node to take its place", lambda: whole()[lost][0] != id, SLOW)


def owner_of(partition):
    """The node that has the partition's slot."""
    slot = int(ask(NODES[0], "cluster", "keyslot", f"{{scrutin:{partition}}}:log"))
    for name, (_, flags, _, slots) in members().items():
        for part in slots:
            first, _, last = part.partition("-")
            if flags == "master" and int(first) <= slot <= int(last or first):
                return name
    raise AssertionError(f"nobody has slot {slot}")


load_tests = stack.in_order(RedisCluster)

if __name__ == "__main__":
    unittest.main()
