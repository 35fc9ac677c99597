"""The all-in-one: what it accepts, how soon it is there, and what it takes of memory."""

import shutil
import time

from suite.load import ballots_per_second, posts
from suite.table import Row, at_least, at_most


def one(run):
    """The all-in-one against the constant answer."""
    reference, ours = [], []
    constant, constant_url = run.constant()
    data = run.directory / "data"
    scrutin, vote_url, _ = run.scrutin(data)
    for number in range(run.rounds):
        run.progress(f"all in one, round {number + 1}")
        reference.append(posts(constant_url, 64, run.seconds)[1])
        ours.append(ballots_per_second(vote_url, 64, run.seconds))
    constant.stop()
    scrutin.stop()
    shutil.rmtree(data)
    work = "ballots durably accepted by the all-in-one, 64 connections, against a constant 200"
    yield Row(work, ours, at_least(0.45), "/s", reference)


def start(run):
    """Start of the all-in-one to its first answer, and its memory when idle."""
    data = run.directory / "data"
    run.scrutin(data)[0].stop()
    times, memory = [], []
    for _ in range(run.rounds):
        times.append(started(run, data))
        program, _, _ = run.scrutin(data)
        time.sleep(2)
        memory.append(program.resident_bytes() / 1024 / 1024)
        program.stop()
    shutil.rmtree(data)
    yield Row("start of the all-in-one to its first answer", times, at_most(100), " ms")
    yield Row("its memory when idle", memory, at_most(25), " MiB")


def started(run, data):
    """Milliseconds from its start to its first answer."""
    begun = time.monotonic()
    program, _, _ = run.scrutin(data)
    took = (time.monotonic() - begun) * 1_000
    program.stop()
    return took
