"""Redis and PostgreSQL deleted on a real Kubernetes, under a crowd, and on a full node."""

import json
import unittest

import kube
import stack
from crowd import Crowd
from engine import wait
from kube import kubectl, ours
from test_sizes import millicores

# Of ballots that were under way when Redis went nobody knows whether it has them: what comes in a quarter of a second.
UNDER_WAY = 50
FILLERS = "scrutin-crowd"


def replaced(name, before):
    """Whether the pod is another one, and ready."""
    (pod,) = [pod for pod in kube.get("pods", "--selector", f"app.kubernetes.io/name={name}")["items"]]
    return pod["metadata"]["uid"] != before and kube.is_ready(pod)


def restart(name):
    """Deletes the only pod of a server, and waits until it is back."""
    before = kube.get("pod", f"{name}-0")["metadata"]["uid"]
    with kube.taking(f"{name}-0 deleted, and ready again"):
        ours("delete", "pod", f"{name}-0", "--wait=false")
        wait(f"{name}-0 to be back", lambda: replaced(name, before), kube.SLOW)


def filler(name, node, replicas, cores):
    """Pods of another application, which do nothing but ask for so much."""
    container = {"name": "filler", "image": "postgres:17-bookworm", "command": ["sleep", "infinity"],
                 "resources": {"requests": {"cpu": f"{cores}m"}}}
    labels = {"filler": name}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"kubernetes.io/hostname": node}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": FILLERS},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": spec}}}


def free_millicores(node):
    """What nobody has asked for on a node."""
    allocatable = json.loads(kubectl("get", "node", node, "--output", "json"))["status"]["allocatable"]
    everything = json.loads(kubectl("get", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}",
                                    "--output", "json"))["items"]
    asked = [container.get("resources", {}).get("requests", {}).get("cpu", "0")
             for pod in everything if pod["status"]["phase"] in ["Pending", "Running"]
             for container in pod["spec"]["containers"]]
    return millicores(allocatable["cpu"]) - sum(map(millicores, asked))


class Servers(unittest.TestCase):
    def test_nobody_notices_that_postgres_is_deleted(self):
        with Crowd() as crowd:
            restart("postgres")
        self.assertEqual((crowd.failed(), crowd.report["viewers"]["lost"]), (0, 0), crowd.report)

    def test_while_redis_is_away_voters_are_told_what_is_certain(self):
        with Crowd() as crowd:
            restart("redis")
        self.assertGreater(crowd.failed("not recorded"), 0, crowd.report)
        self.assertLessEqual(crowd.failed("unknown"), UNDER_WAY, crowd.report)
        self.assertEqual(crowd.failed(), crowd.failed("not recorded", "unknown"), crowd.report)

    def test_on_a_full_node_both_find_their_place_again(self):
        node = kube.get("pod", "redis-0")["spec"]["nodeName"]
        kubectl("create", "namespace", FILLERS)
        self.addCleanup(kubectl, "delete", "namespace", FILLERS, "--wait")
        server = millicores(kube.get("pod", "redis-0")["spec"]["containers"][0]["resources"]["requests"]["cpu"])
        # One takes the room that there is, and others as large as a server wait for one.
        room = filler("room", node, 1, free_millicores(node) - server // 2)
        waiting = filler("waiting", node, 3, server)
        kubectl("apply", "--filename", "-", input=json.dumps({"apiVersion": "v1", "kind": "List",
                                                              "items": [room, waiting]}))
        kubectl("--namespace", FILLERS, "rollout", "status", "deployment/room", f"--timeout={kube.SLOW}s")

        def full():
            pods = json.loads(kubectl("--namespace", FILLERS, "get", "pods", "--output", "json"))["items"]
            phases = sorted(pod["status"]["phase"] for pod in pods)
            assert phases == ["Pending"] * 3 + ["Running"], phases
            return True

        wait("the node to be full", full, kube.SLOW)
        for name in kube.SERVERS:
            restart(name)

    def test_the_ledger_agrees_with_its_ballots(self):
        kube.wait_ready("vote", "worker", "result")
        kube.recount()


load_tests = stack.in_order(Servers)

if __name__ == "__main__":
    unittest.main()
