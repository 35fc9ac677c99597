"""Who reaches whom on a real Kubernetes: every pair is tried, and must be as the manifests say (network.py)."""

import concurrent.futures
import json
import unittest

import kube
import manifests
import network
from engine import wait
from kube import kubectl, ours

ELSEWHERE = "scrutin-crowd"
SENDERS = [*manifests.OURS, *kube.SERVERS, "stranger"]
TARGETS = [("vote", 8080), ("vote", 9090), ("result", 8080), ("result", 9090), ("worker", 9090), ("redis", 6379),
           ("postgres", 5432)]
# bash and its /dev/tcp are in this image, and it is in the cluster anyway.
IMAGE = "postgres:17-bookworm"


def prober(sender, namespace="scrutin"):
    """A pod with the label of the sender, which no Service and no Deployment takes for one of its own."""
    rights = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "prober", "image": IMAGE, "command": ["sleep", "infinity"], "securityContext": rights}
    user = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": user, "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False, "enableServiceLinks": False}
    labels = {"app.kubernetes.io/name": sender, "scrutin-test": "prober"}
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": f"prober-{sender}", "namespace": namespace, "labels": labels}}


def reaches(namespace, sender, address, port):
    attempt = f"timeout 3 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo yes || echo no"
    said = kubectl("--namespace", namespace, "exec", f"prober-{sender}", "--", "bash", "-c", attempt, timeout=60)
    return said.strip() == "yes"


class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.remove)
        kubectl("create", "namespace", ELSEWHERE)
        pods = [*map(prober, SENDERS), prober("visitor", ELSEWHERE)]
        kubectl("apply", "--filename", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
        for namespace in ["scrutin", ELSEWHERE]:
            kubectl("--namespace", namespace, "wait", "pod", "--selector=scrutin-test=prober",
                    "--for=condition=Ready", f"--timeout={kube.SLOW}s")

    @classmethod
    def remove(cls):
        ours("delete", "pod", "--selector=scrutin-test=prober", "--wait")
        kubectl("delete", "namespace", ELSEWHERE, "--ignore-not-found", "--wait")

    def places(self):
        """What is tried: name and port → its address, and what the model of the policies takes it for."""
        found = {}
        for name, port in TARGETS:
            pod = next(pod for pod in kube.pods(name) if pod["metadata"]["labels"].get("scrutin-test") is None)
            found[name, port] = (pod["status"]["podIP"], network.peer(name))
        dns = json.loads(kubectl("--namespace", "kube-system", "get", "service", "kube-dns", "--output", "json"))
        found["dns", 53] = (dns["spec"]["clusterIP"], network.foreign("kube-system"))
        api = json.loads(kubectl("get", "service", "kubernetes", "--output", "json"))
        found["api", 443] = (api["spec"]["clusterIP"], network.outside(api["spec"]["clusterIP"]))
        return found

    def test_each_pair_is_as_the_policies_say(self):
        policies = manifests.of_kind(manifests.plain(), "NetworkPolicy")
        places = self.places()
        senders = {name: ("scrutin", network.peer(name)) for name in SENDERS}
        senders["visitor"] = (ELSEWHERE, network.foreign(ELSEWHERE))
        pairs = [(sender, place) for sender in senders for place in places]
        wanted = {
            (sender, place): network.allowed(policies, senders[sender][1], places[place][1], place[1])
            for sender, place in pairs
        }
        found = {}

        def as_wanted():
            # Policies for a pod that is new take a moment.
            wrong = [pair for pair in pairs if found.get(pair) != wanted[pair]]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                asked = {pair: pool.submit(reaches, senders[pair[0]][0], pair[0], places[pair[1]][0], pair[1][1])
                         for pair in wrong}
            found.update({pair: answer.result() for pair, answer in asked.items()})
            assert found == wanted, {pair: found[pair] for pair in pairs if found[pair] != wanted[pair]}
            return True

        try:
            wait("the table to be as the manifests say", as_wanted, 60, pause=2)
        finally:
            self.show(senders, places, found)
        kube.say(f"{len(pairs)} pairs of {len(pairs)} are as the policies say")

    def show(self, senders, places, found):
        kube.say(" ".join(["reaches".ljust(9), *(f"{name}:{port}".rjust(13) for name, port in places)]))
        for sender in senders:
            row = ["yes" if found.get((sender, place)) else "-" for place in places]
            kube.say(" ".join([sender.ljust(9), *(cell.rjust(13) for cell in row)]))


if __name__ == "__main__":
    unittest.main()
