"""What several machines cost: replicas that confirm each ballot, and everything at once. The machines are processes of
this one, so they share its processors and its disk."""

import pathlib
import socket
import statistics
import subprocess
import tempfile

from suite.load import ballots_per_second, begin_log, latency_p99_of, metric, posts
from suite.programs import fail, free_address, until
from suite.rows.turns import in_turn
from suite.servers import ALWAYS_ON_DISK, TOOLS
from suite.table import Row, at_least, at_most

# It has WAITAOF. `scripts/install-test-tools` installs it.
VALKEY = TOOLS / "bin" / "valkey-server"
CONNECTIONS = 512


def machines(run):
    yield from replicas(run)
    yield from everything_at_once(run)
    yield from partitions(run)


def replicas(run):
    """`vote` where one replica confirms each call, against one that trusts its own disk, on the same kind of server."""
    with run.database() as alone, run.database() as replicated:
        stacks = [on_disks(run, alone, 0), on_disks(run, replicated, 1)]
        rate = lambda url: ballots_per_second(url, CONNECTIONS, run.seconds)
        measure = lambda url, _: (rate(url), latency_p99_of(url, CONNECTIONS, 2))
        disk, both = in_turn(run, "replicas", stacks, measure)
    against = f"`DURABILITY=replicas:1` on Valkey, {CONNECTIONS} connections, against `disk`"
    rates, latencies = ([[sample[part] for sample in samples] for samples in (both, disk)] for part in (0, 1))
    yield Row(f"ballots accepted with {against}", rates[0], at_least(0.7), "/s", rates[1])
    yield Row(f"p99 of a ballot with {against}", latencies[0], at_most(3), " ms", latencies[1])


def on_disks(run, database, count):
    """A `vote` on a server with so many replicas; its address."""
    host, port = valkey(run)
    for _ in range(count):
        valkey(run, "--replicaof", host, port)
    said = lambda: subprocess.run(["redis-cli", "-h", host, "-p", port, "INFO", "replication"], capture_output=True)
    until("the replicas", lambda: said().stdout.count(b"state=online") == count)
    settings = {"REDIS_URL": f"redis://{host}:{port}", "DURABILITY": f"replicas:{count}" if count else "disk"}
    begin_log(run, settings["REDIS_URL"], database, DURABILITY=settings["DURABILITY"])
    return run.service("vote", **settings)[1]


def valkey(run, *arguments):
    """A server of its own; its host and port."""
    if not VALKEY.exists():
        fail(f"{VALKEY} is missing: scripts/install-test-tools")
    host, port = free_address().split(":")
    files = pathlib.Path(tempfile.mkdtemp(dir=run.directory))
    quick = ["--repl-diskless-sync-delay", "0", "--save", ""]
    run.program("valkey", [VALKEY, "--port", port, "--dir", files, *quick, *ALWAYS_ON_DISK, *arguments])
    until("valkey-server", lambda: socket.create_connection((host, int(port))).close() is None)
    return host, port


def everything_at_once(run):
    """Ballots are accepted, counted and shown while the load shares the processors with all of it."""
    with run.services() as of:
        constant, constant_url = run.constant()
        stacks = [of["vote"][1], constant_url]
        measure = lambda url, _: (posts(f"{url}/", CONNECTIONS, run.seconds)[1], latency_p99_of(url, CONNECTIONS, 2))
        ours, reference = in_turn(run, "accept, count and show", stacks, measure)
        constant.stop()
    work = f"accepted, counted and shown at once, {CONNECTIONS} connections"
    rates = [[sample[0] for sample in samples] for samples in (ours, reference)]
    yield Row(f"{work}, against a constant 200", rates[0], at_least(0.5), "/s", rates[1])
    yield Row(f"p99 of a ballot {work}", [sample[1] for sample in ours], at_most(35), " ms")


def partitions(run):
    """One poll on eight partitions against one: the processor time of all programs for a ballot, accepted and counted.
    The load's own is not in it."""
    few, many = ([], [])
    for number in range(run.rounds):
        run.progress(f"partitions, round {number + 1}")
        few.append(processor_time_for_a_ballot(run, 1))
        many.append(processor_time_for_a_ballot(run, 8))
    for name in few[0]:
        run.progress(f"{name}: {statistics.median(of[name] for of in few):.1f} µs for a ballot with 1 partition")
    total = [[sum(of.values()) for of in samples] for samples in (many, few)]
    work = "processor time for a ballot of one poll, accepted and counted, on 8 partitions, against 1"
    yield Row(work, total[0], at_most(1.25), " µs", total[1])


def processor_time_for_a_ballot(run, count):
    """In microseconds, of each program."""
    with run.services(PARTITIONS=count) as of:
        programs = {name: of[name][0] for name in ("vote", "worker", "result")}
        programs |= {"Redis": of["server"], "PostgreSQL": run.cluster}
        taken = lambda: {name: program.processor_seconds() for name, program in programs.items()}
        before = taken()
        answered, _ = posts(f"{of['vote'][1]}/", CONNECTIONS, run.seconds)
        counted = lambda: metric(of["worker"][2], "scrutin_worker_ballots_total") >= answered
        until("all to be counted", counted)
        after = taken()
        return {name: 1e6 * (after[name] - before[name]) / answered for name in programs}
