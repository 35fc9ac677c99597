"""The Redis Cluster's component on a real Kubernetes: what happens to the votes when pods and volumes are lost.

`scripts/test-cluster` has loaded the images. Each test finds the cluster as the one before left it."""

import json
import subprocess
import unittest

import manifests
import stack
from engine import run, wait
from manifests import named

HERE = manifests.ROOT / "tests" / "stack" / "kubernetes"
NODES = [f"redis-cluster-{number}" for number in range(6)]
SLOW = 300


def kubectl(*arguments, **options):
    return run("kubectl", *arguments, **{"timeout": 600, **options}).stdout


def ours(*arguments, **options):
    return kubectl("--namespace", "scrutin", *arguments, **options)


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


def pods(name):
    chosen = f"app.kubernetes.io/name={name}"
    return json.loads(ours("get", "pods", "--selector", chosen, "--output", "json"))["items"]


def make_again():
    """Runs the Job that makes the cluster, and waits for it; what it said."""
    ours("delete", "job", "redis-cluster-create", "--ignore-not-found", "--wait")
    kubectl("apply", "--kustomize", str(HERE / "redis-cluster"))
    ours("wait", "job/redis-cluster-create", "--for=condition=Complete", f"--timeout={SLOW}s")
    return ours("logs", "job/redis-cluster-create")


def services_are_ready():
    for name in manifests.OURS:
        ours("rollout", "status", f"deployment/{name}", f"--timeout={SLOW}s")


class Crowd:
    """Votes in the cluster for a minute and a half, and checks the promise."""

    def __enter__(self):
        kubectl("delete", "job", "crowd", "--namespace", "scrutin-crowd", "--ignore-not-found", "--wait")
        before = self.counted()
        kubectl("apply", "--filename", str(HERE / "crowd.yaml"))
        wait("the crowd to vote", lambda: self.counted() > before + 200, SLOW)
        return self

    def __exit__(self, *_):
        pass

    @staticmethod
    def counted():
        path = "/api/v1/namespaces/scrutin/services/result:http/proxy/api/polls/main/tally"
        return json.loads(kubectl("get", "--raw", path))["voters"]

    def report(self):
        def ended():
            status = json.loads(kubectl("get", "job", "crowd", "--namespace", "scrutin-crowd", "--output", "json"))
            return status["status"].get("succeeded") or status["status"].get("failed")

        wait("the crowd to end", ended, SLOW * 2, pause=2)
        text = kubectl("logs", "job/crowd", "--namespace", "scrutin-crowd")
        return json.loads(text[text.index("{"):])


class Kubernetes(unittest.TestCase):
    def test_the_cluster_is_made_once_and_only_once(self):
        make_again()
        made = wait("the cluster to be whole", whole, SLOW)
        said = make_again()
        self.assertIn("already", said)
        self.assertEqual(whole(), made)

    def test_each_primary_has_a_third_of_the_partitions(self):
        settings = named(manifests.built(HERE / "redis-cluster"), "ConfigMap", "scrutin")["data"]
        share = {}
        for partition in range(int(settings["PARTITIONS"])):
            name = owner_of(partition)
            share[name] = share.get(name, 0) + 1
        self.assertEqual(sorted(share.values()), [int(settings["PARTITIONS"]) // 3] * 3)

    def test_no_ballot_is_lost_with_a_primary_and_its_volume(self):
        services_are_ready()
        with Crowd() as crowd:
            lost = owner_of(0)
            id = members()[lost][0]
            ours("delete", "pvc", f"data-{lost}", "--wait=false")
            ours("delete", "pod", lost, "--grace-period=0", "--force")

            def replaced():
                found = whole()
                assert found[lost][0] != id, "it has its volume still"
                return found

            after = wait("an empty node to take its place", replaced, SLOW)
            self.assertEqual(after[lost][1], "slave")
        self.check(crowd.report())

    def test_all_nodes_started_again_at_once_find_one_another(self):
        before = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods("redis-cluster")}
        with Crowd() as crowd:
            ours("delete", "pod", *NODES, "--grace-period=0", "--force")

            def elsewhere():
                now = {pod["metadata"]["name"]: pod["status"].get("podIP") for pod in pods("redis-cluster")}
                assert all(now.get(name) not in [None, address] for name, address in before.items()), now
                return whole()

            wait("all nodes to be back at other addresses", elsewhere, SLOW)
        self.check(crowd.report())

    def test_a_replica_lost_with_its_volume_is_replaced(self):
        lost = next(name for name, (_, flags, _, _) in whole().items() if flags == "slave" and name != NODES[0])
        id = members()[lost][0]
        ours("delete", "pvc", f"data-{lost}", "--wait=false")
        ours("delete", "pod", lost, "--grace-period=0", "--force")
        wait("an empty node to take its place", lambda: whole()[lost][0] != id, SLOW)

    def test_production_is_valid_to_a_server_that_knows_the_operators_resource(self):
        # A Job can't be changed, and this one has another image there.
        ours("delete", "job", "redis-cluster-create", "--ignore-not-found", "--wait")
        kubectl("apply", "--dry-run=server", "--kustomize", str(manifests.K8S / "overlays" / "production"))

    def check(self, report):
        self.assertTrue(report["kept"], report)
        recounted = subprocess.run(
            ["kubectl", "--namespace", "scrutin", "exec", "deployment/worker", "--", "/app/worker", "recount"],
            capture_output=True, text=True, timeout=600)
        self.assertEqual(recounted.returncode, 0, recounted.stdout + recounted.stderr)


def owner_of(partition):
    """The node that has the partition's slot."""
    slot = int(ask(NODES[0], "cluster", "keyslot", f"{{scrutin:{partition}}}:log"))
    for name, (_, flags, _, slots) in members().items():
        for part in slots:
            first, _, last = part.partition("-")
            if flags == "master" and int(first) <= slot <= int(last or first):
                return name
    raise AssertionError(f"nobody has slot {slot}")


load_tests = stack.in_order(Kubernetes)

if __name__ == "__main__":
    unittest.main()
