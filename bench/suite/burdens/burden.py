"""A burden that goes on in a thread of its own, for as long as the context lasts."""

import collections
import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

from suite.programs import PATIENCE, fail


def connected(url):
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


@contextlib.contextmanager
def going_on(step, needed):
    """Calls `step` again and again in a thread of its own. It counts what it meets, and begins with all that is
    `needed`."""
    stop, met, failures = threading.Event(), collections.Counter(), []

    def run():
        try:
            while not stop.is_set():
                step(stop, met)
        except (Exception, SystemExit) as failure:  # A thread would keep it to itself.
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not failures and not all(met[what] for what in needed):
            if time.monotonic() > deadline:
                fail(f"the burden never met {needed}, but {dict(met)}")
            time.sleep(0.01)
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
    if failures:
        fail(f"the burden broke off: {failures[0]!r}")
    if thread.is_alive():
        fail("the burden does not end")
