"""How soon screens show what was cast, and what they cost."""

import json
import subprocess
import time

from suite.load import crowd, crowd_command
from suite.programs import fail, get
from suite.servers import RELEASE, TOKEN
from suite.table import Row, at_most


def screen(run):
    """From casting a ballot to a screen that shows it."""
    ours = []
    duration = "5s" if run.quick else "20s"
    with run.services() as of:
        for number in range(run.rounds):
            run.progress(f"cast to screen, round {number + 1}")
            report = crowd(
                of["vote"][1], of["result"][1], rate=2_000, voters=1_000_000, viewers=50, probes=20, burst=0,
                duration=duration, receipts=100,
            )
            ours.append(report["cast_to_screen"]["p99_ms"])
    yield Row("ballot cast → on the screen, p99, at 2,000 ballots a second", ours, at_most(250), " ms")


def viewers(run):
    """The memory of a viewer, and how soon all of them have the last scores."""
    number_of_viewers = 1_000 if run.quick else 10_000
    memory, final = [], []
    for number in range(run.rounds):
        run.progress(f"{number_of_viewers} viewers, round {number + 1}")
        with run.services() as of:
            grown, report = watched(run, of, number_of_viewers)
        memory.append(grown / number_of_viewers / 1024)
        final.append(report["viewers"]["all_final_after_ms"])
    each = f"memory of `result` for each of {number_of_viewers:,} viewers, scores changing"
    yield Row(each, memory, at_most(30), " KiB")
    last = "from the last ballot's acknowledgement to its scores on every one of their screens"
    yield Row(last, final, at_most(1_000), " ms")


def followers(run):
    """How soon after the organiser's "next" every voter's page shows the question."""
    pages = 500 if run.quick else 5_000
    ours = []
    with run.services() as of:
        for number in range(run.rounds):
            run.progress(f"{pages} pages that follow, round {number + 1}")
            hosts = [f"--{name}={of[name][1].removeprefix('http://')}" for name in ("vote", "result")]
            event = f"following-{number}"
            command = [RELEASE / "followers", *hosts, f"--token={TOKEN}", f"--event={event}", f"--pages={pages}"]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if said.returncode:
                fail(f"the followers ended with {said.returncode}")
            ours.append(float(said.stdout.split()[1]))
    each = f"the organiser's \"next\" → on each of {pages:,} voters' pages that follow one `result`, p99"
    yield Row(each, ours, at_most(500), " ms")


def watched(run, of, number_of_viewers):
    """By how much `result` grew at most while so many watched, and the crowd's report."""
    program, result, _ = of["result"]
    get(f"{result}/api/polls/main/tally")
    before = most = program.resident_bytes()
    command = crowd_command(
        of["vote"][1], result, viewers=number_of_viewers, rate=100, voters=100_000, probes=0, receipts=10,
        duration=f"{5 if run.quick else 30}s",
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        most = max(most, program.resident_bytes())
        time.sleep(0.1)
    report = json.loads(process.stdout.read())
    if process.returncode:
        fail(f"the crowd ended with {process.returncode}: {report['promise']}")
    return most - before, report
