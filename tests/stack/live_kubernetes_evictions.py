"""All pods evicted on a real Kubernetes, as when nodes are drained: budgets are respected, and nobody notices."""

import json
import unittest

import kube
import stack
from crowd import Crowd
from engine import run, wait
from live_kubernetes_servers import UNDER_WAY


def evict(pod):
    """Asks for it as a drain does; whether the budget let it go."""
    name = pod["metadata"]["name"]
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "scrutin"}}
    done = run("kubectl", "create", "--raw", f"/api/v1/namespaces/scrutin/pods/{name}/eviction", "--filename", "-",
               input=json.dumps(asked), check=False)
    assert done.returncode == 0 or "disruption budget" in done.stderr, done.stderr
    return done.returncode == 0


class Evictions(unittest.TestCase):
    def evict_all(self, name):
        """Every pod of a workload that is there now, each as soon as its budget allows it; how often it did not."""
        refused = 0
        for pod in kube.pods(name):
            def let_go(pod=pod):
                nonlocal refused
                allowed = evict(pod)
                refused += not allowed
                return allowed

            wait(f"the budget of {name} to let a pod go", let_go, kube.SLOW, pause=0.5)
        kube.wait_ready(name)
        return refused

    def test_nobody_notices_that_everything_but_redis_is_evicted(self):
        with Crowd() as crowd:
            refused = {name: self.evict_all(name) for name in ["vote", "result", "worker", "postgres"]}
        kube.say(f"evictions that budgets put off: {refused}")
        self.assertEqual(crowd.failed(), 0, crowd.report)
        for name in ["vote", "result", "worker"]:
            self.assertGreater(refused[name], 0, f"two pods of {name} went at the same time")

    def test_redis_can_be_evicted_and_voters_are_told_what_is_certain(self):
        with Crowd() as crowd:
            self.evict_all("redis")
        self.assertLessEqual(crowd.failed("unknown"), UNDER_WAY, crowd.report)
        self.assertEqual(crowd.failed(), crowd.failed("not recorded", "unknown"), crowd.report)

    def test_the_ledger_agrees_with_its_ballots(self):
        kube.recount()


load_tests = stack.in_order(Evictions)

if __name__ == "__main__":
    unittest.main()
