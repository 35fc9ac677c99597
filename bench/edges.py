"""Load at the edges: what those who do no harm notice of those who do, and what it costs in memory.

Used by scripts/bench. Each `Nuisance` is a way to be a burden; `with` it, it goes on.
"""

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

IDLE_CONNECTIONS = 10_000
SLOW_CONNECTIONS = 500
BODY_BYTES = 10 * 1024 * 1024
POLLS = 1_000


def connected(url):
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


@contextlib.contextmanager
def idle(url):
    """Connections that never say a word. (Those whose heads are overdue are closed after 30 s, and come again.)"""
    sockets = [connected(url) for _ in range(IDLE_CONNECTIONS)]
    try:
        yield
    finally:
        for each in sockets:
            each.close()


@contextlib.contextmanager
def going_on(step):
    """Calls `step` again and again in a thread of its own."""
    stop = threading.Event()

    def run():
        while not stop.is_set():
            step(stop)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@contextlib.contextmanager
def dripping(url, head):
    """Connections that send one byte a second; whichever the server gives up is made anew."""
    sockets = [None] * SLOW_CONNECTIONS

    def drip(stop):
        for index, each in enumerate(sockets):
            try:
                if each is None:
                    sockets[index] = connected(url)
                    sockets[index].sendall(head)
                else:
                    each.sendall(b"a")
            except OSError:
                sockets[index] = None
        stop.wait(1)

    with going_on(drip):
        yield
    for each in filter(None, sockets):
        each.close()


def slow_heads(url):
    return dripping(url, b"POST / HTTP/1.1\r\nHost: vote\r\nX-Slow: ")


def slow_bodies(url):
    head = b"POST / HTTP/1.1\r\nHost: vote\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
    return dripping(url, head)


def large_bodies(url):
    """Bodies of 10 MB, one after the other. Each is refused without being read."""
    body = b"vote=" + b"a" * BODY_BYTES
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    def post(stop):
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).read()
            raise SystemExit("bench: 10 MB were taken for a ballot")
        except urllib.error.HTTPError as refused:
            if refused.code != 413:
                raise SystemExit(f"bench: 10 MB were answered with {refused.code}") from None
        except OSError:
            pass  # The server closed the connection in the middle of it, as it may.
        stop.wait(0.05)

    return going_on(post)


def guesses(url, poll):
    """Five hundred wrong voting codes a second, all from one address behind the trusted proxy."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "192.0.2.66"}
    body = b"vote=a&code=AAAA-AAAA-AAAA"

    def guess(stop):
        begun = time.monotonic()
        for _ in range(50):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(urllib.request.Request(f"{url}/p/{poll}", body, headers), timeout=10).read()
        stop.wait(max(0, 0.1 - (time.monotonic() - begun)))

    return going_on(guess)


@contextlib.contextmanager
def deaf_viewers(url):
    """A hundred screens that connect and never read what they are sent."""
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    head = f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n\r\n"
    sockets = []
    for _ in range(100):
        each = connected(url)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # `40` in a frame of its own, masked with zeros: connects to the default namespace.
        each.sendall(head.encode() + b"\x81\x82\0\0\0\x0040")
        sockets.append(each)
    try:
        yield
    finally:
        for each in sockets:
            each.close()
