"""The reference: what Docker's example-voting-app does with a vote, in the same words of Flask and Redis."""

import json
import os
import random
import socket

from flask import Flask, g, make_response, render_template, request
from redis import Redis

app = Flask(__name__)


def redis():
    if not hasattr(g, "redis"):
        g.redis = Redis(port=int(os.environ["REDIS_PORT"]), socket_timeout=5)
    return g.redis


@app.route("/", methods=["GET", "POST"])
def vote():
    voter = request.cookies.get("voter_id") or hex(random.getrandbits(64))[2:]
    chosen = None
    if request.method == "POST":
        chosen = request.form["vote"]
        redis().rpush("votes", json.dumps({"voter_id": voter, "vote": chosen}))
    page = render_template("index.html", options={"a": "Cats", "b": "Dogs"}, chosen=chosen, host=socket.gethostname())
    response = make_response(page)
    response.set_cookie("voter_id", voter)
    return response
