"""How long it takes to check published ballots, and in how much memory."""

import os
import subprocess
import time

from suite.programs import fail
from suite.servers import RELEASE
from suite.table import Row, at_most


def verify(run):
    """`scrutin verify` on a file of a million ballots."""
    ballots = 100_000 if run.quick else 1_000_000
    file = run.directory / "published"
    subprocess.run([RELEASE / "published-file", "--file", file, "--ballots", str(ballots)], check=True)
    seconds, megabytes = [], []
    for number in range(run.rounds):
        run.progress(f"verify, round {number + 1}")
        begun = time.perf_counter()
        process = subprocess.Popen([RELEASE / "scrutin", "verify", file], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - begun)
        megabytes.append(used.ru_maxrss / 1024)
        if os.waitstatus_to_exitcode(status) != 0:
            fail("the published ballots do not hold")
    file.unlink()
    yield Row(f"{ballots:,} published ballots verified", seconds, at_most(5), " s")
    yield Row("the memory of that", megabytes, at_most(100), " MB")
