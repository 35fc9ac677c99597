"""Rows of the table: what was measured, and whether it reaches its goal. And the machine it was measured on."""

import dataclasses
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time

HEAD = ["| work | reference | Scrutin | ratio | to reach | reached |", "|---|---|---|---|---|---|"]
BEGIN, END = "<!-- scripts/bench writes from here -->", "<!-- to here -->"


@dataclasses.dataclass(frozen=True)
class Goal:
    """What the median must be, or its ratio to the reference's where there is one."""

    kind: str
    bound: float

    def reached(self, value):
        return value >= self.bound if self.kind == "at least" else value <= self.bound


def at_least(bound):
    return Goal("at least", bound)


def at_most(bound):
    return Goal("at most", bound)


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work: samples of ours, and of the reference in the same run if it has one."""

    work: str
    ours: list
    goal: Goal
    unit: str = ""
    reference: list | None = None

    def compared(self):
        """What the goal is held against."""
        ours = statistics.median(self.ours)
        return ours if self.reference is None else ours / statistics.median(self.reference)

    def reached(self):
        return self.goal.reached(self.compared())

    def markdown(self):
        ours = figure(statistics.median(self.ours), self.unit)
        if self.reference is None:
            reference, ratio, bound = "", "", f"{self.goal.bound:g}{self.unit}"
        else:
            reference = figure(statistics.median(self.reference), self.unit)
            ratio, bound = f"{self.compared():.2f} ×", f"{self.goal.bound:g} ×"
        reached = "yes" if self.reached() else "**no**"
        return f"| {self.work} | {reference} | {ours} | {ratio} | {self.goal.kind} {bound} | {reached} |"


def figure(value, unit):
    digits = 0 if value >= 100 else 1
    return f"{value:,.{digits}f}{unit}"


def replaced(page, table):
    """The page with this table in the place of the last one."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def sync_milliseconds(directory):
    """How long the disk takes to make a small addition to a file last: the median of 200. Who waits for the disk waits
    for that."""
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(200):
            os.write(file.fileno(), bytes(2_000))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begun) * 1_000)
    return statistics.median(took)


def machine(directory):
    """One line about the machine, its servers and its disk."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    cores = f"{len(os.sched_getaffinity(0))} × {model[1] if model else platform.machine()}"
    redis = _printed("redis-server --version | grep -o 'v=[0-9.]*'")[2:] or "?"
    postgres = os.path.basename(_printed("ls -d /usr/lib/postgresql/* | sort -V | tail -1")) or "?"
    return (
        f"{time.strftime('%Y-%m-%d')}, {cores}, Linux {platform.release()}, Redis {redis}, PostgreSQL {postgres}, "
        f"a disk that syncs in {sync_milliseconds(directory):.2f} ms"
    )


def _printed(command):
    lines = subprocess.run(command, capture_output=True, text=True, shell=True).stdout.strip().splitlines()
    return lines[0] if lines else ""
