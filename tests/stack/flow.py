"""A steady flow of votes, each by a new voter, that keeps account of what it was told."""

import http.client
import threading

import stack

THREADS = 4
# A pause after a failure, so that an outage is not a storm of attempts.
PAUSE_SECONDS = 0.05


class Flow:
    """`acknowledged` and `unknown` count votes by choice: a redirect is an acknowledgement, anything else is not
    known."""

    def __init__(self, port):
        self._port, self._stop, self._moved = port, threading.Event(), threading.Condition()
        self.acknowledged, self.unknown = {"a": 0, "b": 0}, {"a": 0, "b": 0}
        self._threads = [threading.Thread(target=self._vote, args=("ab"[n % 2],), daemon=True) for n in range(THREADS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_attempts(self, count, seconds=60):
        """Until so many more votes had an outcome."""
        self._wait_for(lambda: sum(self.acknowledged.values()) + sum(self.unknown.values()), count, seconds)

    def wait_for_acknowledged(self, count, seconds=60):
        """Until so many more votes were acknowledged."""
        self._wait_for(lambda: sum(self.acknowledged.values()), count, seconds)

    def _wait_for(self, reached, count, seconds):
        with self._moved:
            goal = reached() + count
            if not self._moved.wait_for(lambda: reached() >= goal, seconds):
                raise AssertionError(f"waited {seconds} s for {count} more votes: {self.acknowledged}, {self.unknown}")

    def _vote(self, choice):
        while not self._stop.is_set():
            try:
                recorded = stack.vote(choice, port=self._port, timeout=10).status == 303
            except (OSError, http.client.HTTPException):
                recorded = False
            self._note(self.acknowledged if recorded else self.unknown, choice)
            if not recorded:
                self._stop.wait(PAUSE_SECONDS)

    def _note(self, account, choice):
        with self._moved:
            account[choice] += 1
            self._moved.notify_all()
