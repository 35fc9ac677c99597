"""The tools that post, cast and count, and how their output is read."""

import json
import re
import subprocess
import sys
import time
import urllib.request

from suite.programs import fail, free_address, get, sum_of_metric, until
from suite.servers import RELEASE, ROOT, TOKEN


def posts(url, connections, seconds):
    """Ballots posted by wrk: how many were answered well, and how many a second."""
    wrk = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    said = subprocess.run([*wrk, "-s", ROOT / "bench/post.lua", url], check=True, capture_output=True, text=True).stdout
    answered, rate, bad = read_wrk(said)
    if bad:
        print(f"  wrk: {bad}", file=sys.stderr)
    return answered, rate


def read_wrk(said):
    """What wrk printed: requests answered, requests a second, and its line about those that went wrong, if any."""
    bad = re.search(r"(Non-2xx.*|Socket errors.*)", said)
    answered = int(re.search(r"(\d+) requests in", said)[1])
    return answered, float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), bad and bad[0]


def latency_p99_of(url, connections, seconds):
    """The p99 of ballots posted by wrk, in milliseconds."""
    wrk = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    command = [*wrk, "-s", ROOT / "bench/post.lua", f"{url.rstrip('/')}/"]
    return read_p99(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read_p99(said):
    """The p99 that wrk printed, in milliseconds."""
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1_000}[unit]


def ballots_per_second(vote, connections, seconds):
    """Posts at one of ours; what it says it accepted must be at least what it answered."""
    accepted = lambda: json.loads(get(f"{vote}/api/polls/main"))["accepted"]
    before = accepted()
    answered, rate = posts(f"{vote}/", connections, seconds)
    taken = accepted() - before
    if taken < answered:
        fail(f"{answered} ballots were acknowledged and {taken} accepted")
    return rate


def cast_one(vote, timeout=1):
    """Whether a new voter's ballot is taken."""
    body, headers = b'{"choices": ["a"]}', {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{vote}/api/polls/main/ballots", body, headers)
    try:
        return urllib.request.urlopen(asked, timeout=timeout).status == 201
    except OSError:
        return False


def crowd(vote, result, **settings):
    """What the crowd reports of these two addresses. It ends the benchmarks if it finds the promise broken."""
    command = crowd_command(vote, result, **settings)
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if said.returncode:
        print(said.stdout, file=sys.stderr)
        fail(f"the crowd ended with {said.returncode}")
    return json.loads(said.stdout)


def crowd_command(vote, result, **settings):
    arguments = [f"--{key.replace('_', '-')}={value}" for key, value in settings.items()]
    return [RELEASE / "crowd", f"--vote-url={vote}", f"--result-url={result}", "--json", *arguments]


def honest_p99(run, of):
    """The p99 of honest ballots at these services, in milliseconds."""
    duration = "3s" if run.quick else "10s"
    report = crowd(
        of["vote"][1], of["result"][1], rate=200, voters=1_000_000, viewers=5, probes=0, burst=0, duration=duration,
        receipts=20,
    )
    if report["errors"]:
        run.progress(f"honest voters met {report['errors']}")
    return latency_p99(report)


def latency_p99(report):
    """Infinite if any voter met an error: a refused voter has no latency, and must not make it look good."""
    return float("inf") if report["errors"] else report["ballots"]["latency"]["p99_ms"]


def fill(voters, round_of_voting, first, **where):
    """Casts ballots: into the log (`redis_url`) or into an all-in-one's file (`ledger`)."""
    places = [part for key, place in where.items() for part in (f"--{key.replace('_', '-')}", place)]
    command = [RELEASE / "fill", *places, "--voters", voters, "--round", round_of_voting, "--from", first]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def begin_log(run, redis, database, **settings):
    """A worker begins the log and attaches to it, so that it accepts ballots; nothing more is needed of it here."""
    worker, _, _ = run.service("worker", REDIS_URL=redis, DATABASE_URL=database, **settings)
    ask = ["redis-cli", "-u", redis, "GET", "{scrutin:0}:attached"]
    attached = lambda: subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    until("a worker to attach", lambda: attached() and not attached().startswith("-"))
    worker.stop()


def counting(run, redis, database, ballots):
    """How many ballots a second the worker counts, from its first batch to its last."""
    admin = free_address()
    environment = {"REDIS_URL": redis, "DATABASE_URL": database, "ADMIN_ADDR": admin, "LOG": "warn"}
    worker = run.program("worker", [RELEASE / "worker"], **environment)
    counted = lambda: metric(f"http://{admin}", "scrutin_worker_ballots_total")
    first = until("the first batch", counted, every=0.005)
    start = time.monotonic()
    until("the last batch", lambda: counted() >= ballots, every=0.005, patience=600)
    took = time.monotonic() - start
    worker.stop()
    return (ballots - first) / took


def metric(admin, name):
    return sum_of_metric(get(f"{admin}/metrics").decode(), name)


def tally_microseconds(run, result):
    """How long it takes to read a tally, one after the other."""
    wrk = ["wrk", "-t1", "-c1", f"-d{run.seconds}s", f"{result}/api/polls/main/tally"]
    return 1e6 / read_wrk(subprocess.run(wrk, check=True, capture_output=True, text=True).stdout)[1]


def organise(vote_url, poll):
    """Makes a poll."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    asked = urllib.request.Request(f"{vote_url}/api/polls", json.dumps(poll).encode(), headers)
    urllib.request.urlopen(asked).read()


def voting_codes(vote_url, poll, count):
    address = f"{vote_url}/api/polls/{poll}/codes?count={count}"
    asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        return [code["code"] for code in json.load(answer)["codes"]]
