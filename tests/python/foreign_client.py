"""A Socket.IO client that knows only the example app's protocol, written with somebody else's library.

usage: foreign_client.py URL websocket|polling [POLL]

It connects, subscribes to POLL if one is given, and prints each event as one line of JSON:
{"event": "scores", "data": …}. It ends when its standard input does.
"""

import json
import sys
import threading

import socketio


def main(url, transport, poll=None):
    client = socketio.Client(reconnection=False)

    speaking = threading.Lock()  # the library calls its handlers from threads of their own

    def say(event, data=None):
        with speaking:
            print(json.dumps({"event": event, "data": data}), flush=True)

    @client.event
    def connect():
        say("connect", client.transport())
        if poll:
            client.emit("subscribe", {"channel": poll})

    client.on("message", lambda data: say("message", data))
    client.on("scores", lambda data: say("scores", data))
    client.on("disconnect", lambda *_: say("disconnect"))
    client.connect(url, transports=[transport])
    sys.stdin.read()
    client.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
