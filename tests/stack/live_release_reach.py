"""The release stack: who can reach whom, and what passes."""

import unittest

import release
import stack
from engine import ask
from release import Visitor, in_the_network_of
from socket_io import Screen
from stack import PROXY, RELEASE, RESULT, SERVICES, VOTE


def setUpModule():
    release.build()
    RELEASE.up()


class Reach(unittest.TestCase):
    """Who can reach whom."""

    def test_from_this_machine_only_vote_result_and_the_proxy_can_be_reached(self):
        published = {}
        for service, container in RELEASE.containers().items():
            for bindings in container["NetworkSettings"]["Ports"].values():
                for binding in bindings or []:
                    published.setdefault(service, set()).add(int(binding["HostPort"]))
        self.assertEqual(published, {"proxy": {PROXY}, "vote": {VOTE}, "result": {RESULT}})

    def test_redis_and_db_can_be_reached_by_those_who_use_them_and_by_nobody_else(self):
        containers = RELEASE.containers()
        for server, port, users in [("redis", 6379, {"vote", "worker"}), ("db", 5432, {"worker", "result"})]:
            for service in set(SERVICES) - {server}:
                tried = in_the_network_of(containers[service]["Id"], containers["db"]["Config"]["Image"], "bash", "-c",
                                          f"timeout 3 bash -c '</dev/tcp/{server}/{port}'", check=False)
                self.assertEqual(tried.returncode == 0, service in users, f"{service} to {server}")

    def test_each_container_stands_in_the_networks_that_it_needs(self):
        project = f"{stack.PROJECT}_"
        networks = {service: {name.removeprefix(project) for name in container["NetworkSettings"]["Networks"]}
                    for service, container in RELEASE.containers().items()}
        self.assertEqual(networks, {
            "proxy": {"frontend"}, "vote": {"frontend", "log"}, "result": {"frontend", "ledger"},
            "worker": {"log", "ledger"}, "redis": {"log"}, "db": {"ledger"}})

    def test_both_hosts_are_served_and_no_other(self):
        for host in ["vote.votes.fr", "vote.localhost"]:
            self.assertIn('name="vote"', ask(PROXY, host=host).text)
        for host in ["results.votes.fr", "result.localhost"]:
            answer = ask(PROXY, host=host)
            self.assertEqual(answer.status, 200)
            self.assertNotIn('name="vote"', answer.text)
        self.assertEqual(ask(PROXY, host="votes.example").status, 421)

    def test_a_browser_may_vote_from_every_name_and_from_nowhere_else(self):
        # One of them with the port to which HTTP_PORT may have moved the proxy.
        for host, port in [
            ("vote.votes.fr", PROXY),
            ("vote.localhost", PROXY),
            ("vote.localhost:8088", PROXY),
            (f"localhost:{VOTE}", VOTE),
        ]:
            answer = ask(port, host=host, method="POST", body="vote=a",
                         headers={"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
            self.assertEqual(answer.status, 303, host)
        foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        self.assertEqual(ask(PROXY, host="vote.votes.fr", method="POST", body="vote=a", headers=foreign).status, 403)

    def test_who_guesses_behind_the_proxy_is_limited_alone(self):
        with Visitor() as guesser, Visitor() as other:
            refused = [guesser.guess("http://vote.votes.fr") for _ in range(12)]
            self.assertEqual((refused[0], refused[-1]), ("401", "429"))
            self.assertEqual(other.guess("http://vote.votes.fr"), "401", "another address has its own budget")
            # Nobody but the proxy is believed about who asks.
            refused = [other.guess("http://vote", f"203.0.113.{n}") for n in range(12)]
            self.assertEqual(refused[-1], "429")

    def test_a_vote_through_the_proxy_is_seen_by_a_screen_through_the_proxy(self):
        with (
            Screen(PROXY, "results.votes.fr") as screen,
            Screen(PROXY, "result.localhost", origin="http://vote.votes.fr") as other,
        ):
            before = screen.scores(lambda scores: True)
            self.assertEqual(stack.vote("b").status, 303)
            for watching in [screen, other]:
                watching.scores(lambda scores: scores["b"] == before["b"] + 1)
            self.assertEqual(screen.events[0][0], "message")

    def test_a_page_from_elsewhere_may_not_watch(self):
        with self.assertRaises(ConnectionRefusedError):
            Screen(PROXY, "results.votes.fr", origin="http://evil.example")

    def test_long_polling_passes_the_proxy_too(self):
        answer = ask(PROXY, "/socket.io/?EIO=4&transport=polling", host="results.votes.fr")
        self.assertEqual((answer.status, answer.text[:1]), (200, "0"))


load_tests = stack.in_order(Reach)

if __name__ == "__main__":
    unittest.main()
