"""The profile `cluster` of Compose, with the release images: the whole stack on a Redis Cluster and two PostgreSQL, of
which some are lost with their volumes. Each test finds the stack as the one before left it."""

import unittest

import engine
import release
import stack
from engine import ask, docker, wait
from flow import Flow
from stack import CLUSTER, OURS, PROJECT, RESULT, VOTE

NODES = [f"redis-cluster-{number}" for number in range(6)]
SERVERS = [*NODES, "db-primary", "db-standby"]
SLOW = 300
NETWORK = f"{PROJECT}_log"


def setUpModule():
    release.build()
    CLUSTER.compose("up", "--detach")


def valkey(node, *words):
    return CLUSTER.compose("exec", "-T", node, "valkey-cli", *words).stdout.strip()


def members(node):
    """name → id and flags, as a node sees the cluster. One that it has just met has no name yet."""
    lines = [line.split() for line in valkey(node, "cluster", "nodes").splitlines()]
    return {endpoint.partition(",")[2]: (id, flags.removeprefix("myself,")) for id, endpoint, flags, *_ in lines}


def owner_of(partition):
    slot = int(valkey(NODES[1], "cluster", "keyslot", f"{{scrutin:{partition}}}:log"))
    for line in valkey(NODES[1], "cluster", "nodes").splitlines():
        _, endpoint, flags, _, _, _, _, _, *slots = line.split()
        ranges = [part.partition("-") for part in slots if "[" not in part]
        if "master" in flags and any(int(first) <= slot <= int(last or first) for first, _, last in ranges):
            return endpoint.partition(",")[2]
    raise AssertionError(f"nobody has slot {slot}")


class Cluster(unittest.TestCase):
    def test_everything_comes_up(self):
        CLUSTER.wait_healthy(*SERVERS, *OURS, seconds=SLOW)
        self.assertEqual(CLUSTER.container("redis-cluster-create")["State"]["ExitCode"], 0)
        wait("voting", lambda: stack.vote("a", port=VOTE).status == 303, SLOW)

    def test_it_is_made_once_and_only_once(self):
        before = members(NODES[0])
        said = CLUSTER.compose("run", "--rm", "--no-deps", "--no-TTY", "redis-cluster-create").stdout
        self.assertIn("already", said)
        self.assertEqual(members(NODES[0]), before)

    def test_no_vote_is_lost_with_a_primary_and_its_volume(self):
        before = self.settled()
        lost = owner_of(0)
        witness = NODES[(NODES.index(lost) + 1) % 6]
        id = members(witness)[lost][0]
        with Flow(VOTE) as flow:
            flow.wait_for_acknowledged(50)
            self.wipe(lost)

            def replaced():
                now = members(witness)
                return len(now) == 6 and lost in now and now[lost][0] != id and now[lost][1] == "slave"

            wait("an empty node to take its place", replaced, SLOW)
            CLUSTER.wait_healthy(*NODES, seconds=SLOW)
            flow.wait_for_acknowledged(50, SLOW)
        self.check(before, flow)

    def wipe(self, service):
        CLUSTER.compose("rm", "--force", "--stop", "--volumes", service)
        docker("volume", "rm", f"{PROJECT}_{service}")
        CLUSTER.compose("up", "--detach", "--no-deps", service)

    def test_all_nodes_started_again_at_other_addresses_find_one_another(self):
        before = self.settled()
        old = self.addresses()
        with Flow(VOTE) as flow:
            flow.wait_for_acknowledged(50)
            CLUSTER.compose("rm", "--force", "--stop", *NODES)
            squatters = self.squat(old)
            try:
                CLUSTER.compose("up", "--detach", "--no-deps", *NODES)
                self.assertFalse(self.addresses() & old)
                CLUSTER.wait_healthy(*NODES, seconds=SLOW)
                flow.wait_for_acknowledged(50, SLOW)
            finally:
                docker("rm", "--force", *squatters)
        self.check(before, flow)

    @staticmethod
    def squat(addresses):
        """Containers of others that take these addresses, and more, since the engine gives out whichever it likes."""
        squatters, taken = [], set()
        while not addresses <= taken:
            assert len(squatters) < 50, f"{taken} are taken, and not all of {addresses}"
            squatters.append(docker("run", "--detach", "--rm", "--network", NETWORK, "--entrypoint", "sleep",
                                    "redis:alpine", "600").stdout.strip())
            taken.add(engine.address(squatters[-1]))
        return squatters

    @staticmethod
    def addresses():
        return {CLUSTER.container(node)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"] for node in NODES}

    def test_a_standby_is_promoted_for_a_lost_primary(self):
        before = self.settled()
        with Flow(VOTE) as flow:
            flow.wait_for_acknowledged(50)
            CLUSTER.compose("kill", "db-primary")
            CLUSTER.compose("exec", "-T", "db-standby", "pg_ctl", "promote", "-w")
            flow.wait_for_acknowledged(50, SLOW)
        self.check(before, flow)
        CLUSTER.compose("exec", "-T", "worker", "/app/worker", "recount")

    def settled(self):
        """The tally once everything accepted is counted."""
        def counted():
            answer = ask(VOTE, "/api/polls/main")
            assert answer.status == 200, (answer.status, answer.text)
            return answer.json()["accepted"] == stack.tally(port=RESULT, host="localhost")["counted"]

        wait("everything to be counted", counted, SLOW)
        return stack.tally(port=RESULT, host="localhost")["votes"]

    def check(self, before, flow):
        """What was acknowledged is counted once; what has no answer is counted once or not."""
        after = self.settled()
        for choice in ["a", "b"]:
            new = after[choice] - before[choice]
            self.assertGreater(flow.acknowledged[choice], 0)
            self.assertLessEqual(flow.acknowledged[choice], new, f"votes for {choice} were lost")
            self.assertLessEqual(new, flow.acknowledged[choice] + flow.unknown[choice], "counted twice")


load_tests = stack.in_order(Cluster)

if __name__ == "__main__":
    unittest.main()
