"""The release stack: what happens to the votes when things are killed, stopped, moved and restored."""

import json
import unittest

import release
import stack
from engine import ask, docker, wait
from flow import Flow
from stack import PROXY, RELEASE, RESULT, SERVICES, VOTE


def setUpModule():
    release.build()
    RELEASE.up()


class Evening(unittest.TestCase):
    """What happens to the votes."""

    def test_nothing_is_lost_when_each_container_is_killed_under_votes(self):
        before = self.settled()
        with Flow(VOTE) as direct, Flow(PROXY) as flow:
            for service in ["worker", "vote", "result", "proxy", "redis", "db"]:
                id = RELEASE.container(service)["Id"]
                flow.wait_for_attempts(20)
                docker("kill", id)
                flow.wait_for_attempts(20)
                docker("start", id)
                RELEASE.wait_healthy(*SERVICES)
                direct.wait_for_acknowledged(10)
                flow.wait_for_acknowledged(10)
        self.check(before, flow, direct)

    def test_what_ends_by_itself_is_started_again(self):
        before = self.settled()
        with Flow(VOTE) as flow:
            for service in SERVICES:
                container = RELEASE.container(service)
                # `docker kill` would count as an operator's wish; the process dies by itself, as if of hunger.
                docker("run", "--rm", "--privileged", "--pid", "host", "--entrypoint", "sh", "redis:alpine",
                       "-c", f"kill -9 {container['State']['Pid']}")
                wait(
                    f"{service} to be started again",
                    lambda: RELEASE.container(service)["RestartCount"] > container["RestartCount"],
                )
                RELEASE.wait_healthy(*SERVICES)
        self.check(before, flow)

    def test_votes_wait_while_nobody_counts(self):
        before = self.settled()
        RELEASE.compose("stop", "worker", "db")
        with Flow(VOTE) as flow:
            flow.wait_for_acknowledged(50)
        RELEASE.up()
        self.check(before, flow)

    def test_without_redis_voters_are_told_so_and_results_stay_up(self):
        RELEASE.compose("stop", "redis")
        answer = stack.vote("a", timeout=5)
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer.headers["Retry-After"])
        self.assertEqual(wait("the results", stack.tally)["poll"], "main")
        RELEASE.up()
        wait("voting", lambda: stack.vote("a").status == 303)

    def test_a_recreated_container_is_found_at_its_new_address(self):
        self.recreate("vote", lambda: stack.vote("a").status == 303)
        self.recreate("result", lambda: stack.tally()["poll"] == "main")

    def recreate(self, service, works):
        old = RELEASE.container(service)
        frontend = f"{stack.PROJECT}_frontend"
        address = old["NetworkSettings"]["Networks"][frontend]["IPAddress"]
        docker("rm", "--force", old["Id"])
        # Another takes its address meanwhile; by name, since the engine gives out whichever address it likes.
        squatter = docker("run", "--detach", "--rm", "--network", frontend, "--ip", address,
                          "--entrypoint", "sleep", "redis:alpine", "600").stdout.strip()
        try:
            RELEASE.up(service)
            new = RELEASE.container(service)["NetworkSettings"]["Networks"][frontend]["IPAddress"]
            self.assertNotEqual(new, address)
            wait(f"{service} through the proxy", works, seconds=10)
        finally:
            docker("rm", "--force", squatter)

    def test_a_dump_of_the_database_is_restored_and_the_log_catches_up(self):
        # As docs/operations.md says.
        db = ["exec", "-T", "db"]
        before = self.settled()
        with Flow(VOTE) as early:
            early.wait_for_attempts(30)
        self.check(before, early)
        dump = RELEASE.compose(*db, "pg_dump", "-U", "postgres", "--clean", "--if-exists", "postgres").stdout
        middle = self.settled()
        with Flow(VOTE) as late:
            late.wait_for_attempts(30)
        self.check(middle, late)
        RELEASE.compose("stop", "worker", "result")
        RELEASE.compose(*db, "psql", "-qU", "postgres", "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        RELEASE.compose(*db, "psql", "-qv", "ON_ERROR_STOP=1", "-U", "postgres", "postgres", input=dump)
        RELEASE.compose("start", "worker", "result")
        self.check(middle, late)

    def test_a_crowd_comes_when_it_is_asked_for_and_finds_the_promise_kept(self):
        self.assertNotIn("crowd", RELEASE.containers())
        made = ask(
            VOTE,
            "/api/polls",
            method="POST",
            headers={"Authorization": f"Bearer {stack.TOKEN}", "Content-Type": "application/json"},
            body=json.dumps({"id": "rehearsal", "question": "Rehearsal?", "options": ["Yes", "No"]}),
        )
        self.assertEqual(made.status, 201, made.text)
        crowd = "--profile crowd run --rm --no-TTY crowd --poll rehearsal --voters 500 --viewers 50 --rate 200"
        said = RELEASE.compose(*crowd.split(), "--duration", "5s", "--json", check=False)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertGreaterEqual(ask(RESULT, "/api/polls/rehearsal/tally").json()["voters"], 500)

    def test_it_stops_cleanly_within_its_grace_time(self):
        before = self.settled()
        with Flow(VOTE) as flow:
            flow.wait_for_acknowledged(20)
            RELEASE.compose("stop")
        for service, container in RELEASE.containers().items():
            self.assertEqual(container["State"]["ExitCode"], 0, service)
            self.assertFalse(container["State"]["OOMKilled"])
        RELEASE.up()
        self.check(before, flow)

    def test_down_and_up_keep_every_vote(self):
        self.settled()
        before = wait("the results", stack.tally)
        RELEASE.compose("down")
        self.assertEqual(RELEASE.containers(), {})
        RELEASE.up()
        after = wait("the results", stack.tally)
        self.assertEqual((after["votes"], after["voters"]), (before["votes"], before["voters"]))
        self.assertGreater(after["voters"], 100, "there was something to keep")
        wait("voting", lambda: stack.vote("a").status == 303)

    def test_in_the_end_the_ballots_are_what_the_tallies_say(self):
        self.settled()
        said = RELEASE.compose("exec", "-T", "worker", "/app/worker", "recount")
        print("\n" + said.stdout, end="")

    def settled(self):
        """The tally once everything accepted is counted."""
        wait("everything to be counted", lambda: self.lag() == 0)
        return wait("the results", stack.tally)["votes"]

    @staticmethod
    def lag():
        answer = ask(VOTE, "/api/polls/main")
        assert answer.status == 200, (answer.status, answer.text)
        return answer.json()["accepted"] - stack.tally(port=RESULT, host="localhost")["counted"]

    def check(self, before, *flows):
        """The promise: what was acknowledged is counted once; what has no answer is counted once or not."""
        after = self.settled()
        for choice in ["a", "b"]:
            new = after[choice] - before[choice]
            acknowledged = sum(flow.acknowledged[choice] for flow in flows)
            unknown = sum(flow.unknown[choice] for flow in flows)
            self.assertGreater(acknowledged, 0)
            self.assertLessEqual(acknowledged, new, f"votes for {choice} were lost")
            self.assertLessEqual(new, acknowledged + unknown, f"votes for {choice} were counted twice")


load_tests = stack.in_order(Evening)

if __name__ == "__main__":
    unittest.main()
