"""How many ballots `vote` accepts."""

import subprocess
import sys

from suite.load import ballots_per_second, begin_log, posts
from suite.programs import free_address, get, until
from suite.servers import ROOT, TOOLS
from suite.table import Row, at_least


def accept(run):
    """vote on Redis against the constant answer and against Flask, at 64 and 512 connections."""
    samples = {key: [] for key in ["constant 64", "vote 64", "constant 512", "vote 512", "flask"]}
    with run.database() as database:
        _, redis = run.redis()
        begin_log(run, redis, database)
        vote, vote_url, _ = run.service("vote", REDIS_URL=redis)
        constant, constant_url = run.constant()
        _, flask_redis = run.redis()
        flask, flask_url = flask_reference(run, flask_redis)
        for number in range(run.rounds):
            run.progress(f"accept, round {number + 1}")
            for connections in (64, 512):
                samples[f"constant {connections}"].append(posts(constant_url, connections, run.seconds)[1])
                samples[f"vote {connections}"].append(ballots_per_second(vote_url, connections, run.seconds))
            samples["flask"].append(posts(flask_url, 64, run.seconds)[1])
        for program in (vote, constant, flask):
            program.stop()
    for connections in (64, 512):
        work = f"ballots accepted by `vote` on Redis, {connections} connections, against a constant 200"
        yield Row(work, samples[f"vote {connections}"], at_least(0.45), "/s", samples[f"constant {connections}"])
    work = "the same at 64, against Flask + gunicorn + RPUSH"
    yield Row(work, samples["vote 64"], at_least(45), "/s", samples["flask"])


def flask_reference(run, redis):
    """The example app of Docker, as its Dockerfile starts it, but for its log."""
    home = installed_flask(run)
    listen = free_address()
    options = f"app:app -b {listen} --workers 4 --keep-alive 0 --chdir".split()
    command = [home / "bin/gunicorn", *options, ROOT / "bench/flask"]
    program = run.program("flask", command, REDIS_PORT=redis.rsplit(":", 1)[1])
    until("flask", lambda: get(f"http://{listen}/"))
    return program, f"http://{listen}/"


def installed_flask(run):
    home = TOOLS / "flask"
    requirements = ROOT / "bench/flask/requirements.txt"
    mark = home / "installed.txt"
    if not mark.exists() or mark.read_text() != requirements.read_text():
        run.progress("installing Flask and gunicorn")
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin/pip", "install", "-q", "-r", requirements], check=True)
        mark.write_text(requirements.read_text())
    return home
