"""Updates on a real Kubernetes, under a crowd that comes through the Ingress: nobody notices."""

import unittest

import kube
import stack
from crowd import Crowd
from engine import wait
from kube import ours


def leader():
    """The worker that counts."""
    leads = 'scrutin_worker_leads{partition="0"} 1'
    leading = [pod for pod in kube.pods("worker") if leads in kube.admin(pod, "/metrics")]
    assert len(leading) == 1, [pod["metadata"]["name"] for pod in leading]
    return leading[0]["metadata"]["name"]


class Rollouts(unittest.TestCase):
    def roll_out(self, name, **options):
        with kube.taking(f"rollout of {name}, with the crowd"), Crowd(**options) as crowd:
            ours("rollout", "restart", f"deployment/{name}")
            kube.wait_ready(name)
        self.assertEqual(crowd.failed(), 0, crowd.report)
        return crowd

    def test_nobody_notices_that_vote_is_rolled_out(self):
        self.roll_out("vote", rate=400)

    def test_voters_do_not_notice_that_result_is_rolled_out_and_screens_come_back(self):
        crowd = self.roll_out("result")
        self.assertGreater(crowd.report["viewers"]["lost"], 0, "all screens were on pods that are gone")

    def test_nobody_notices_that_worker_is_rolled_out(self):
        crowd = self.roll_out("worker")
        self.assertEqual(crowd.report["viewers"]["lost"], 0)

    def test_another_worker_leads_when_the_leading_one_is_deleted(self):
        lost = wait("a leader", leader)
        with Crowd() as crowd:
            with kube.taking("until another worker led"):
                ours("delete", "pod", lost, "--wait=false")
                wait("another leader", lambda: leader() != lost, kube.SLOW)
        self.assertEqual(crowd.failed(), 0, crowd.report)
        kube.wait_ready("worker")

    def test_the_ledger_agrees_with_its_ballots(self):
        kube.recount()


load_tests = stack.in_order(Rollouts)

if __name__ == "__main__":
    unittest.main()
