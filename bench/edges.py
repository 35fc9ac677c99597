"""Load at the edges: what those who do no harm notice of those who do, and what it costs in memory.

Used by scripts/bench. Each function that ends with `going_on` is a way to be a burden; `with` it, it goes on. A
burden that broke off, was answered otherwise than it should be, or was none, ends the benchmarks: it would make a row
look good.
"""

import collections
import concurrent.futures
import contextlib
import http.client
import select
import socket
import threading
import time
from urllib.parse import urlsplit

IDLE_CONNECTIONS = 10_000
SLOW_CONNECTIONS = 500
DEAF_VIEWERS = 100
BODY_BYTES = 10 * 1024 * 1024
POLLS = 1_000
FLOOD_PER_SECOND = 1_000
GUESSES_PER_SECOND = 500
PEOPLE_IN_A_HALL = 300
ENDLESS_HEADS = 1_500
ENDLESS_HEADS_A_SECOND = 1_000
ENDLESS_HEAD_BYTES = 400 * 1024
# Connections at the least, and 2,000 more than the service holds.
EXCESS_CONNECTIONS = 2_000
WRONG_PER_SECOND = 2_000
RIGHT_ONES = 100
# How long each of five people pauses before the next right one, in seconds: the wrong ones need time to be a flood.
RIGHT_ONE_PAUSE = 0.1
DEAF_READERS = 50
# Where they come from, as the trusted proxy says: all who are a burden, and all who sit in one hall.
BURDEN_ADDRESS = "192.0.2.66"
HALL_ADDRESS = "192.0.2.77"
# How long a burden may take to be one, and to end, in seconds.
PATIENCE = 60
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def fail(text):
    raise SystemExit(f"bench: {text}")


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


def large_bodies(url):
    """Bodies of 10 MB, one after the other. Each is refused without being read."""
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {BODY_BYTES}"
    head = f"POST / HTTP/1.1\r\nHost: vote\r\n{kind}\r\n\r\n".encode()
    body = b"vote=" + b"a" * (BODY_BYTES - 5)
    with connected(url) as each:
        each.sendall(head)
        answer = each.recv(12)
    if answer[9:] != b"413":
        fail(f"10 MB are answered with {answer}")

    def post(stop, met):
        with connected(url) as each:
            try:
                each.sendall(head + body)
                answer = each.recv(12)
            except OSError:
                answer = b""  # The server closed the connection in the middle of it, as it may.
        if answer and answer[9:] != b"413":
            fail(f"10 MB are answered with {answer}")
        met["a refusal"] += 1
        stop.wait(0.05)

    return going_on(post, needed=["a refusal"])


def posting(url, path, body, per_second, allowed, needed):
    """So many posts a second, all from one address behind the trusted proxy."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    headers = {**FORM, "X-Forwarded-For": BURDEN_ADDRESS}

    def post(stop, met):
        begun = time.monotonic()
        for _ in range(per_second // 10):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status not in allowed:
                fail(f"a post to {path} is answered with {answer.status}")
            met[answer.status] += 1
        stop.wait(max(0, 0.1 - (time.monotonic() - begun)))

    return going_on(post, needed)


def guesses(url, poll):
    """A flood of wrong voting codes. A few are told to be wrong; then their address has to wait."""
    body = "vote=a&code=AAAA-AAAA-AAAA"
    return posting(url, f"/p/{poll}", body, GUESSES_PER_SECOND, allowed=(422, 429), needed=[429])


def flood(url, poll):
    """A flood of ballots without a cookie, each of them of a new voter."""
    return posting(url, f"/p/{poll}", "vote=a", FLOOD_PER_SECOND, allowed=(303, 429, 503), needed=[303])


def hall(url, poll, codes=None):
    """People behind one address, each with a browser of their own: the page, then a ballot. What they were refused
    with."""

    def person(number):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        address = {"X-Forwarded-For": HALL_ADDRESS}
        with contextlib.closing(connection):
            connection.request("GET", f"/p/{poll}", headers=address)
            page = connection.getresponse()
            page.read()
            cookie = (page.getheader("Set-Cookie") or "").split(";")[0]
            if page.status != 200 or not cookie.startswith("voter-"):
                return f"the page: {page.status}"
            ballot = f"vote=a&code={codes[number]}" if codes else "vote=a"
            connection.request("POST", f"/p/{poll}", ballot, {**FORM, **address, "Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            return None if answer.status == 303 else f"a ballot: {answer.status}"

    def said(number):
        try:
            return person(number)
        except (OSError, http.client.HTTPException) as failure:
            return repr(failure)

    with concurrent.futures.ThreadPoolExecutor(max_workers=30) as people:
        return [refusal for refusal in people.map(said, range(PEOPLE_IN_A_HALL)) if refusal]


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


# ── From the same address as the honest ones, without a proxy that tells them apart


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


@contextlib.contextmanager
def wrong_ones(url, request, allowed, per_second=WRONG_PER_SECOND):
    """So many of this request a second, on a few connections that don't wait for each answer."""
    address, met_in_all = urlsplit(url), collections.Counter()
    streams = [connected(url) for _ in range(4)]
    begun = time.monotonic()

    def send(stop, met):
        # What is late is made up for.
        due = int((time.monotonic() - begun) * per_second) - met_in_all["answers"]
        batch = min(max(due, 0) // len(streams), per_second // 8)
        if batch == 0:
            stop.wait(0.02)
            return
        for each in streams:
            each.sendall(request.replace(b"{host}", address.netloc.encode()) * batch)
        for each in streams:
            answers = b""
            while answers.count(b"HTTP/1.1 ") < batch or not answers.endswith((b"}", b">", b"\n")):
                part = each.recv(65536)
                if not part:
                    fail("the service closed a connection of those that are wrong")
                answers += part
            for status in [line[:3] for line in answers.split(b"HTTP/1.1 ")[1:]]:
                if int(status) not in allowed:
                    fail(f"a wrong one is answered with {status}")
                met[int(status)] += 1
                met_in_all["answers"] += 1
        stop.wait(0.05)

    with going_on(send, needed=[allowed[-1]]):
        yield
        took = time.monotonic() - begun
    rate = met_in_all["answers"] / took
    if rate < per_second / 2:
        fail(f"only {rate:.0f} wrong ones a second were sent")
    for each in streams:
        each.close()


def json_request(path, body="", more="", method="POST"):
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {{host}}\r\n{more}{length}\r\n{body}".encode()


def wrong_tokens(url):
    request = json_request("/api/polls", more="Authorization: Bearer not-the-organisers-token\r\n", method="GET")
    return wrong_ones(url, request, allowed=(401, 429))


def wrong_codes(url, poll):
    body = '{"choices":["a"],"code":"AAAA-AAAA-AAAA"}'
    return wrong_ones(url, json_request(f"/api/polls/{poll}/ballots", body), allowed=(422, 429))


def handshakes(url):
    """Long-polling that begins and never goes on."""
    request = json_request("/socket.io/?EIO=4&transport=polling", method="GET")
    return wrong_ones(url, request, allowed=(200, 503))


def let_in(ask):
    """How many of the right ones are let in; each asks on a connection of its own."""

    def one(number):
        time.sleep(RIGHT_ONE_PAUSE)
        try:
            return bool(ask(number))
        except (OSError, http.client.HTTPException):
            return False

    with concurrent.futures.ThreadPoolExecutor(max_workers=5) as people:
        return sum(people.map(one, range(RIGHT_ONES)))


def answer_status(url, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def screen(url):
    """A screen that gets a place: its socket, or None."""
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = f"Host: {urlsplit(url).netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}"
    each = connected(url)
    each.sendall(f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n{upgrade}\r\n\r\n".encode())
    if each.recv(12)[9:] != b"101":
        each.close()
        return None
    # `40` in a frame of its own, masked with zeros: connects to the default namespace.
    each.sendall(b"\x81\x82\0\0\0\x0040")
    said = b""
    while b"scores" not in said:
        part = each.recv(4096)
        if not part:
            return None
        said += part
    return each


def tcp_bytes():
    """What the system holds in the buffers of all its TCP connections."""
    with open("/proc/net/sockstat") as file:
        line = next(line for line in file if line.startswith("TCP:"))
    return int(line.split()[-1]) * 4096


def deaf_readers(url, path):
    """What the system keeps for each reader that asks for much and reads none of it, in KiB, at most."""
    before, sockets, most = tcp_bytes(), [], 0
    for _ in range(DEAF_READERS):
        each = socket.socket()
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        address = urlsplit(url)
        each.connect((address.hostname, address.port))
        each.setblocking(False)
        sockets.append(each)
    request = json_request(path, method="GET").replace(b"{host}", urlsplit(url).netloc.encode())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.send(request * 20)
        most = max(most, tcp_bytes() - before)
        time.sleep(0.1)
    for each in sockets:
        each.close()
    return most / 1024 / DEAF_READERS
