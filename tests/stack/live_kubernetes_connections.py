"""Connections that balancers keep, on a real Kubernetes: what waits on them for 30, 60 and 90 s is used again."""

import concurrent.futures
import http.client
import threading
import unittest

import kube
import stack

CLIENTS = 100
PAUSES = [30, 60, 90]


class Client:
    """A visitor's connection, which is kept."""

    def __init__(self):
        self.connection = http.client.HTTPConnection(kube.HOST, int(kube.PORT), timeout=30)
        self.connection.connect()
        self.socket = self.connection.sock

    def vote(self):
        """A new voter's ballot; the status of the answer, or what went wrong."""
        try:
            self.connection.request("POST", "/p/main", "vote=a", {
                "Host": "vote.localhost", "Content-Type": "application/x-www-form-urlencoded"})
            answer = self.connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            return repr(error)


class Connections(unittest.TestCase):
    def test_a_ballot_on_a_connection_that_was_kept_is_recorded(self):
        clients = [Client() for _ in range(CLIENTS)]
        for client in clients:
            self.addCleanup(client.connection.close)
        self.all_vote(clients, "at first")
        for pause in PAUSES:
            # The time is what is tried here.
            threading.Event().wait(pause)
            self.all_vote(clients, f"after {pause} s")
        self.assertTrue(all(client.connection.sock is client.socket for client in clients), "the same connections")

    def all_vote(self, clients, when):
        """All at once, so that the balancer needs as many connections to `vote` as there are clients."""
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            said = list(pool.map(Client.vote, clients))
        recorded = said.count(303)
        kube.say(f"{when}: {recorded} of {len(clients)} ballots recorded")
        self.assertEqual(recorded, len(clients), [status for status in said if status != 303])

    def test_the_ledger_agrees_with_its_ballots(self):
        kube.recount()


load_tests = stack.in_order(Connections)

if __name__ == "__main__":
    unittest.main()
