"""Requests that are a burden: large bodies, floods of ballots, and wrong codes, tokens and handshakes."""

import collections
import contextlib
import http.client
import time
from urllib.parse import urlsplit

from suite.burdens.burden import connected, going_on
from suite.programs import fail

BODY_BYTES = 10 * 1024 * 1024
FLOOD_PER_SECOND = 1_000
GUESSES_PER_SECOND = 500
WRONG_PER_SECOND = 2_000
# Where floods come from, as the trusted proxy says.
BURDEN_ADDRESS = "192.0.2.66"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


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


@contextlib.contextmanager
def wrong_ones(url, request, allowed, per_second=WRONG_PER_SECOND):
    """So many of this request a second, on a few connections that don't wait for each answer."""
    address, met_in_all = urlsplit(url), collections.Counter()
    streams = [connected(url) for _ in range(4)]
    begun = time.monotonic()

    def send(stop, met):
        batch = due(time.monotonic() - begun, per_second, met_in_all["answers"], len(streams))
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


def due(seconds, per_second, answered, streams):
    """How many requests each stream is to send now. What is late is made up for, an eighth of a second's at a time."""
    late = int(seconds * per_second) - answered
    return min(max(late, 0) // streams, per_second // 8)


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
