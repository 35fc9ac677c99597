"""Honest clients beside a burden, and what readers that never read cost the system."""

import concurrent.futures
import contextlib
import http.client
import pathlib
import socket
import time
from urllib.parse import urlsplit

from suite.burdens.burden import connected
from suite.burdens.requests import FORM, json_request

PEOPLE_IN_A_HALL = 300
RIGHT_ONES = 100
# How long each of five people pauses before the next right one, in seconds: the wrong ones need time to be a flood.
RIGHT_ONE_PAUSE = 0.1
DEAF_READERS = 50
# Where all who sit in one hall come from, as the trusted proxy says.
HALL_ADDRESS = "192.0.2.77"


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


def tcp_bytes(sockstat):
    """What the system holds in the buffers of all its TCP connections, from `/proc/net/sockstat`."""
    line = next(line for line in sockstat.splitlines() if line.startswith("TCP:"))
    return int(line.split()[-1]) * 4096


def tcp_bytes_now():
    return tcp_bytes(pathlib.Path("/proc/net/sockstat").read_text())


def deaf_readers(url, path):
    """What the system keeps for each reader that asks for much and reads none of it, in KiB, at most."""
    before, sockets, most = tcp_bytes_now(), [], 0
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
        most = max(most, tcp_bytes_now() - before)
        time.sleep(0.1)
    for each in sockets:
        each.close()
    return most / 1024 / DEAF_READERS
