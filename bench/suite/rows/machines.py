"""What several machines cost: replicas that confirm each ballot, and everything at once. The machines are processes of
this one, so they share its processors and its disk."""

import statistics
import time

from suite.cluster import Node, ValkeyCluster, seconds_until_taken
from suite.load import ballots_per_second, begin_log, cast_one, latency_p99_of, metric, posts
from suite.programs import until
from suite.rows.turns import in_turn
from suite.table import Row, at_least, at_most

CONNECTIONS = 512
PARTITIONS = 8


def machines(run):
    yield from replicas(run)
    yield from everything_at_once(run)
    yield from partitions(run)
    yield from lost_machine(run)


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
    server = Node(run)
    for _ in range(count):
        Node(run, "--replicaof", server.host, server.port)
    until("the replicas", lambda: server.ask("INFO", "replication").count("state=online") == count)
    settings = {
        "REDIS_URL": f"redis://{server.host}:{server.port}",
        "DURABILITY": f"replicas:{count}" if count else "disk",
    }
    begin_log(run, settings["REDIS_URL"], database, DURABILITY=settings["DURABILITY"])
    return run.service("vote", **settings)[1]


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
    """One poll on eight partitions of a cluster against one on one server: the processor time of all programs for a
    ballot, accepted and counted. The load's own is not in it."""
    few, many = ([], [])
    for number in range(run.rounds):
        run.progress(f"partitions, round {number + 1}")
        few.append(on_one_server(run))
        many.append(on_a_cluster(run))
    for name in few[0]:
        medians = [statistics.median(of[name] for of in samples) for samples in (few, many)]
        run.progress("{}: {:.1f} µs for a ballot on one server, {:.1f} on a cluster".format(name, *medians))
    total = [[sum(of.values()) for of in samples] for samples in (many, few)]
    on = f"on {PARTITIONS} partitions of a cluster of 3, against 1 on one server"
    work = f"processor time for a ballot of one poll, accepted and counted, {on}"
    yield Row(work, total[0], at_most(1.25), " µs", total[1])


def on_one_server(run):
    server = Node(run)
    with run.services_on(f"redis://{server.host}:{server.port}", PARTITIONS=1) as of:
        taken = processor_time_for_a_ballot(run, of, server.program)
    server.program.stop()
    return taken


def on_a_cluster(run):
    # Each keeps what it acknowledges on its disk, as the one server does; nobody takes its place.
    cluster = ValkeyCluster(run, replicas=0, partitions=PARTITIONS)
    with run.services_on(cluster.url(), PARTITIONS=PARTITIONS, DURABILITY="unchecked") as of:
        taken = processor_time_for_a_ballot(run, of, cluster)
    cluster.stop()
    return taken


def processor_time_for_a_ballot(run, of, log):
    """In microseconds, of each program."""
    programs = {name: of[name][0] for name in ("vote", "worker", "result")}
    programs |= {"Valkey": log, "PostgreSQL": run.cluster}
    taken = lambda: {name: program.processor_seconds() for name, program in programs.items()}
    before = taken()
    answered, _ = posts(f"{of['vote'][1]}/", CONNECTIONS, run.seconds)
    until("all to be counted", lambda: metric(of["worker"][2], "scrutin_worker_ballots_total") >= answered)
    after = taken()
    return {name: 1e6 * (after[name] - before[name]) / answered for name in programs}


def lost_machine(run):
    """A primary's machine is lost with its disk, and an empty one follows its successor: until ballots of its partition
    are taken again."""
    took = []
    for number in range(run.rounds):
        run.progress(f"a lost machine, round {number + 1}")
        cluster = ValkeyCluster(run, replicas=1, partitions=1)
        (slot,) = cluster.owner
        with run.services_on(cluster.url(), PARTITIONS=1, DURABILITY="replicas:1") as of:
            vote = of["vote"][1]
            until("a ballot to be taken", lambda: cast_one(vote))
            since = time.monotonic()
            cluster.lose(slot)
            took.append(seconds_until_taken(lambda: cast_one(vote), since))
        cluster.stop()
    work = "a primary of the cluster lost with its disk, until its ballots are taken again"
    yield Row(work, took, at_most(6), " s")
