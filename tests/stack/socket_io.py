"""A Socket.IO client that knows only the example app's protocol, over WebSocket, with nothing but the standard library.

    with Screen(port, host) as screen:
        screen.scores(lambda scores: scores["a"] == 1)
"""

import base64
import json
import os
import socket
import struct
import time


class Screen:
    """Connected once the server has said so. Reads what comes, and answers pings."""

    def __init__(self, port, host, origin=None, address="127.0.0.1", timeout=20):
        self._socket = socket.create_connection((address, port), timeout=timeout)
        self._buffer, self.events = b"", []
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Origin: {origin}"] if origin else []),
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        if self.status != 101:
            self._socket.close()
            raise ConnectionRefusedError(f"no WebSocket, but {head.splitlines()[0]!r}")
        assert self._packet().startswith("0"), "Engine.IO opens"
        self._send("40")
        while not (packet := self._packet()).startswith("40"):
            self._take(packet)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def emit(self, event, argument):
        self._send("42" + json.dumps([event, argument]))

    def scores(self, wanted, seconds=30):
        """Waits for scores that are `wanted`, and returns them: the JSON in the string of the event `scores`."""
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            self._socket.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                event = self._take(self._packet())
            except TimeoutError:
                break
            if event and event[0] == "scores":
                assert isinstance(event[1], str), "a JSON string, as the example app expects"
                last = json.loads(event[1])
                if wanted(last):
                    return last
        raise AssertionError(f"waited {seconds} s for scores; at last: {last}")

    def _take(self, packet):
        if packet.startswith("2"):
            self._send("3" + packet[1:])
        elif packet.startswith("42"):
            self.events.append(json.loads(packet[2:]))
            return self.events[-1]
        return None

    def _packet(self):
        opcode, payload = self._frame()
        if opcode == 8:
            raise ConnectionResetError(f"closed by the server: {payload!r}")
        return payload.decode() if opcode == 1 else ""

    def _frame(self):
        first, second = self._bytes(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._bytes(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._bytes(8))
        return first & 0x0F, self._bytes(length)

    def _send(self, text):
        payload, mask = text.encode(), os.urandom(4)
        assert len(payload) < 65_536
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack(">BH", 0xFE, len(payload))
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self._socket.sendall(b"\x81" + length + mask + masked)

    def _bytes(self, count):
        while len(self._buffer) < count:
            self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _more(self):
        received = self._socket.recv(65_536)
        if not received:
            raise ConnectionResetError("the server hung up")
        self._buffer += received
