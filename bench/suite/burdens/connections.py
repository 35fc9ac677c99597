"""Connections that are a burden: silent ones, slow ones, endless ones, and screens that never read."""

import contextlib
import select
import socket
import time

from suite.burdens.burden import connected, going_on
from suite.programs import fail

IDLE_CONNECTIONS = 10_000
SLOW_CONNECTIONS = 500
DEAF_VIEWERS = 100
ENDLESS_HEADS = 1_500
ENDLESS_HEADS_A_SECOND = 1_000
ENDLESS_HEAD_BYTES = 400 * 1024
# Connections at the least, and 2,000 more than the service holds.
EXCESS_CONNECTIONS = 2_000


class Idle:
    """Connections that never say a word."""

    def __init__(self, url, count):
        self.url = url
        self.ends = select.epoll()
        self.open = {}
        for _ in range(count):
            self.come()

    def come(self):
        each = connected(self.url)
        self.open[each.fileno()] = each
        self.ends.register(each, select.EPOLLIN)

    def come_again(self, _stop, _met):
        # Nothing is to be read from a silent connection but its end.
        for descriptor, _ in self.ends.poll(0.5):
            self.open.pop(descriptor).close()
            self.come()

    def close(self):
        self.ends.close()
        for each in self.open.values():
            each.close()


@contextlib.contextmanager
def idle(url):
    """Connections that never say a word. Those that are closed, as each is after 100 s, come again."""
    with contextlib.closing(Idle(url, IDLE_CONNECTIONS)) as connections, going_on(connections.come_again, needed=[]):
        yield


@contextlib.contextmanager
def dripping(url, head):
    """Connections that send one byte a second; whichever the server gives up is made anew."""
    sockets = [None] * SLOW_CONNECTIONS

    def drip(stop, met):
        for index, each in enumerate(sockets):
            if each is None:
                sockets[index] = connected(url)
                sockets[index].sendall(head)
                continue
            try:
                each.sendall(b"a")
                met["a byte taken"] += 1
            except OSError:
                sockets[index] = None
        stop.wait(1)

    with going_on(drip, needed=["a byte taken"]):
        yield
    for each in filter(None, sockets):
        each.close()


def slow_heads(url):
    return dripping(url, b"POST / HTTP/1.1\r\nHost: vote\r\nX-Slow: ")


def slow_bodies(url):
    kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000"
    return dripping(url, f"POST / HTTP/1.1\r\nHost: vote\r\n{kind}\r\n\r\n".encode())


@contextlib.contextmanager
def deaf_viewers(url):
    """A hundred screens that connect and never read what they are sent."""
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = f"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}"
    head = f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n{upgrade}\r\n\r\n"
    sockets = []
    for _ in range(DEAF_VIEWERS):
        each = connected(url)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.sendall(head.encode())
        answer = each.recv(12)
        if answer[9:] != b"101":
            fail(f"a screen is answered with {answer}")
        # `40` in a frame of its own, masked with zeros: connects to the default namespace.
        each.sendall(b"\x81\x82\0\0\0\x0040")
        sockets.append(each)
    try:
        yield
    finally:
        for each in sockets:
            each.close()


def beyond_the_limit(url, limit):
    """More silent connections than the service holds. Those that are closed come again, some hundred a second."""
    connections = Idle(url, limit + EXCESS_CONNECTIONS)

    def come_again(stop, met):
        begun = time.monotonic()
        for descriptor, _ in connections.ends.poll(0.5, 50):
            connections.open.pop(descriptor).close()
            connections.come()
            met["a place lost"] += 1
        stop.wait(max(0, 0.1 - (time.monotonic() - begun)))

    @contextlib.contextmanager
    def burden():
        with contextlib.closing(connections), going_on(come_again, needed=["a place lost"]):
            yield

    return burden()


@contextlib.contextmanager
def endless_heads(url):
    """Connections that send heads which never end, as much as is taken of them. Those that are cut come again, at most
    ENDLESS_HEADS_A_SECOND of them: more would measure how fast this machine opens connections."""
    head = b"GET / HTTP/1.1\r\nHost: vote\r\nX-Endless: " + b"a" * ENDLESS_HEAD_BYTES
    sockets, sent = [None] * ENDLESS_HEADS, [0] * ENDLESS_HEADS

    def pour(stop, met):
        new = ENDLESS_HEADS if not met["bytes taken"] else ENDLESS_HEADS_A_SECOND // 5
        for index, each in enumerate(sockets):
            try:
                if each is None:
                    if new == 0:
                        continue
                    new -= 1
                    each = sockets[index] = connected(url)
                    each.setblocking(False)
                    sent[index] = 0
                rest = head[sent[index]:] or b"a"
                sent[index] += each.send(rest)
                met["bytes taken"] += 1
            except BlockingIOError:
                pass
            except OSError:
                each.close()
                sockets[index] = None
            if stop.is_set():
                return
        stop.wait(0.2)

    with going_on(pour, needed=["bytes taken"]):
        yield
    for each in filter(None, sockets):
        each.close()
