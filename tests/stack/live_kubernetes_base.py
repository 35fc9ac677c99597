"""The base on a real Kubernetes, as the README has it applied, by the Ingress and by a Gateway."""

import unittest

import kube
import manifests
import stack
from crowd import Crowd
from engine import run, wait
from kube import kubectl, ours

GATEWAY = str(kube.HERE / "gateway")


def vote_twice():
    """A ballot by the form and one over the API, each by a new voter; what the services said."""
    form = kube.ask("/p/main", method="POST", body="vote=a")
    api = kube.ask("/api/polls/main/ballots", method="POST", body='{"choices":["b"]}',
                   headers={"Content-Type": "application/json"})
    return form.status, api.status


class Base(unittest.TestCase):
    def votes_are_counted(self):
        before = kube.tally()["voters"]
        self.assertEqual(vote_twice(), (303, 201))
        wait("both to be counted", lambda: kube.tally()["voters"] == before + 2)
        self.assertEqual(kube.ask("/", "result").status, 200)

    def test_everything_is_ready_and_the_server_warns_of_nothing(self):
        with kube.taking(f"{len(manifests.plain())} objects applied and ready"):
            applied = run("kubectl", "apply", "--filename", "k8s/", cwd=manifests.ROOT, timeout=600)
            self.assertEqual(applied.stderr, "")
            kube.wait_ready(*manifests.OURS, *kube.SERVERS)

    def test_applied_again_it_changes_nothing_that_runs(self):
        def running():
            return {pod["metadata"]["uid"] for name in [*manifests.OURS, *kube.SERVERS] for pod in kube.pods(name)}

        before = running()
        self.assertNotIn("created", kube.apply_base())
        self.assertEqual(running(), before)

    def test_votes_pass_the_ingress(self):
        wait("the Ingress to lead to vote", lambda: kube.ask("/").status == 200, kube.SLOW)
        wait("the Ingress to lead to result", lambda: kube.ask("/", "result").status == 200, kube.SLOW)
        self.votes_are_counted()

    def test_votes_and_screens_pass_a_gateway(self):
        kubectl("apply", "--kustomize", GATEWAY)
        ours("delete", "ingress", "scrutin")
        try:
            ours("wait", "httproute", "--all", "--for=jsonpath={.status.parents[0].conditions[0].status}=True",
                 f"--timeout={kube.SLOW}s")
            wait("the Gateway to lead to both", lambda: self.both_answer(), kube.SLOW)
            self.votes_are_counted()
            with Crowd() as crowd:
                crowd.more(1000)
            self.assertEqual((crowd.failed(), crowd.report["viewers"]["lost"]), (0, 0), crowd.report)
        finally:
            kube.apply_base()
            ours("delete", "httproute", "--all")
        wait("the Ingress to lead to both again", lambda: self.both_answer(), kube.SLOW)

    def both_answer(self):
        answers = [kube.ask("/", name).status for name in ["vote", "result"]]
        assert answers == [200, 200], answers
        return True

    def test_the_ledger_agrees_with_its_ballots(self):
        kube.say(kube.recount().strip().splitlines()[-1])


load_tests = stack.in_order(Base)

if __name__ == "__main__":
    unittest.main()
