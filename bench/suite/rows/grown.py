"""Whether anything costs more once there are many ballots: few and many in turn, in the services and all in one."""

import json
import shutil
import time

from suite.load import ballots_per_second, counting, fill, tally_microseconds
from suite.programs import get, until
from suite.rows.all_in_one import started
from suite.rows.turns import in_turn
from suite.table import Row, at_least, at_most

DEARER, FEWER = at_most(1.2), at_least(1 / 1.2)


def grown(run):
    sizes = (1_000, 100_000) if run.quick else (10_000, 10_000_000)
    against = f"at {sizes[1]:,} ballots, against {sizes[0]:,}"
    with run.services(LOG_RETENTION="1s") as small, run.services(LOG_RETENTION="1s") as large:
        stacks = small, large
        for stack, ballots in zip(stacks, sizes):
            run.progress(f"casting and counting {ballots:,} ballots")
            cast_and_count(stack, ballots)
        few, many = in_turn(run, "tally", stacks, lambda stack, _: tally_microseconds(run, stack["result"][1]))
        yield Row(f"`result`: reading a tally {against}", many, DEARER, " µs", few)
        few, many = in_turn(run, "starts", stacks, lambda stack, _: all_restarted(stack))
        work = f"start of `vote`, `worker` and `result`, one after the other, {against}"
        yield Row(work, many, DEARER, " ms", few)
        for stack in stacks:
            stack["worker"][0].stop()
        batch = 20_000 if run.quick else 200_000
        few, many = in_turn(run, "count", stacks, lambda stack, number: counted_after(run, stack, batch, number))
        yield Row(f"ballots counted by `worker` {against}", many, FEWER, "/s", few)
        few, many = in_turn(run, "accept", stacks, lambda of, _: ballots_per_second(of["vote"][1], 64, run.seconds))
        yield Row(f"ballots accepted by `vote`, 64 connections, {against}", many, FEWER, "/s", few)
    yield from grown_all_in_one(run, sizes, against)


def grown_all_in_one(run, sizes, against):
    directories = [run.directory / f"data-{ballots}" for ballots in sizes]
    for data, ballots in zip(directories, sizes):
        run.progress(f"all in one: casting {ballots:,} ballots")
        run.scrutin(data)[0].stop()
        fill(ballots, 0, 0, ledger=data / "scrutin.db")
    # It takes SQLite a moment to put so much in its place, once; the next start is an ordinary one.
    for data in directories:
        run.scrutin(data)[0].stop()
    starts = in_turn(run, "all in one: start", directories, lambda data, _: started(run, data))
    stacks = [run.scrutin(data) for data in directories]
    tallies = in_turn(run, "all in one: tally", stacks, lambda stack, _: tally_microseconds(run, stack[2]))
    accepts = in_turn(run, "all in one: accept", stacks, lambda stack, _: ballots_per_second(stack[1], 64, run.seconds))
    for stack, data in zip(stacks, directories):
        stack[0].stop()
        shutil.rmtree(data)
    yield Row(f"all-in-one: start {against}", starts[1], DEARER, " ms", starts[0])
    yield Row(f"all-in-one: reading a tally {against}", tallies[1], DEARER, " µs", tallies[0])
    yield Row(f"all-in-one: ballots accepted, 64 connections, {against}", accepts[1], FEWER, "/s", accepts[0])


def cast_and_count(stack, ballots):
    counted = lambda: json.loads(get(f"{stack['result'][1]}/api/polls/main/tally"))["counted"]
    for cast in range(0, ballots, 1_000_000):
        more = min(ballots - cast, 1_000_000)
        fill(more, 0, cast, redis_url=stack["redis"])
        until("the count", lambda: counted() >= cast + more, every=0.2, patience=600)


def all_restarted(stack):
    return sum(restarted(stack[name]) for name in ("result", "vote", "worker"))


def restarted(service):
    """Stops a service and starts it again with the same settings: milliseconds until it is ready."""
    program, _, admin = service
    program.stop()
    begun = time.monotonic()
    program.start()
    until(f"{program.name} to be ready", lambda: get(f"{admin}/readyz"), every=0.002)
    return (time.monotonic() - begun) * 1_000


def counted_after(run, stack, ballots, number):
    # Numbers that no voter had before.
    fill(ballots, 0, 1_000_000_000 + number * ballots, redis_url=stack["redis"])
    return counting(run, stack["redis"], stack["database"], ballots)
