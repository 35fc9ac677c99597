"""Processes: starting and stopping them, and waiting until they answer. Knows nothing of what they are."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

# How long anything may take to be there, in seconds.
PATIENCE = 60


def fail(text):
    """Ends the benchmarks: a figure that was not measured as it should be must not be written."""
    raise SystemExit(f"bench: {text}")


def free_address():
    """An address of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def get(url, timeout=5):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read()


def until(what, look, every=0.02, patience=PATIENCE):
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            found = look()
            if found:
                return found
        time.sleep(every)
    fail(f"waited {patience} s in vain for {what}")


def sum_of_metric(page, name):
    """The sum over all labels of a metric, as Prometheus reads it."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(rf"{name}[ {{]", line))


TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid):
    """The processor time that a process has taken, with that of its children, those that have ended among them."""
    own = read_processor_seconds(pathlib.Path(f"/proc/{pid}/stat").read_text())
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        own += sum(processor_seconds(child) for child in children.read_text().split())
    return own


def read_processor_seconds(stat):
    """From `/proc/PID/stat`: user and system, of the process and of its children that have ended."""
    return sum(map(int, stat.rsplit(")", 1)[1].split()[11:15])) / TICKS


class Program:
    """A process; what it says goes to a file."""

    def __init__(self, directory, name, command, **environment):
        self.name = name
        self.directory = directory
        self.command = [str(part) for part in command]
        self.environment = {"PATH": os.environ["PATH"], **{key: str(value) for key, value in environment.items()}}
        self.start()

    def start(self):
        with open(self.directory / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, cwd=self.directory
            )

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def processor_seconds(self):
        return processor_seconds(self.process.pid)

    def resident_bytes(self):
        return resident_bytes(pathlib.Path(f"/proc/{self.process.pid}/status").read_text())


def resident_bytes(status):
    """The memory that a process holds, from its `/proc/PID/status`."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
