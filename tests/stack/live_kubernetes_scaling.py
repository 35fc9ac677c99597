"""The autoscaler on a real Kubernetes: it grows with a crowd, and shrinks after it."""

import json
import unittest

import kube
import stack
from crowd import Crowd
from engine import wait
from kube import ours

# A crowd that needs more than the two replicas that there are always, if each is to take no more of a core than this.
RATE, SHARE = 800, "20m"


def pods():
    """How many pods of vote there are, those included that are about to go."""
    return len(kube.get("pods", "--selector=app.kubernetes.io/name=vote")["items"])


class Scaling(unittest.TestCase):
    def test_vote_grows_with_a_crowd_and_shrinks_after_it(self):
        # The base is scaled at five times the share, and shrinks after five minutes, which are not waited for here.
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue",
                                                                             "averageValue": SHARE}}}
        sooner = {"spec": {"metrics": [metric], "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}}}}
        ours("patch", "hpa", "vote", "--type=merge", f"--patch={json.dumps(sooner)}")
        self.addCleanup(kube.apply_base)
        wait("the metrics of vote", self.measured, kube.SLOW, pause=2)
        least = kube.get("hpa", "vote")["spec"]["minReplicas"]
        wait("as few as can be", lambda: pods() == least and kube.settled("vote"), kube.SLOW, pause=2)
        with Crowd(rate=RATE) as crowd, kube.taking("until there were more of vote"):
            wait("more of vote", lambda: sum(map(kube.is_ready, kube.pods("vote"))) > least, kube.SLOW, pause=1)
        self.assertEqual(crowd.failed(), 0, crowd.report)
        with Crowd(rate=5) as crowd, kube.taking("until there were as few as before"):
            self.assertGreater(pods(), least, "some are to go")
            wait("as few as before", lambda: pods() == least and kube.settled("vote"), kube.SLOW * 2, pause=2)
        self.assertEqual(crowd.failed(), 0, crowd.report)

    def measured(self):
        return kube.get("hpa", "vote")["status"].get("currentMetrics", [{}])[0].get("resource")

    def test_the_ledger_agrees_with_its_ballots(self):
        kube.recount()


load_tests = stack.in_order(Scaling)

if __name__ == "__main__":
    unittest.main()
