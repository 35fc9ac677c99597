"""A Debian with a systemd of its own, in a container of systemd-nspawn, whose changes are gone when it stops.

Needs root. The network is its own and leads nowhere."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"}
PATIENCE_SECONDS = 90


def until(what, condition):
    """Waits until the condition gives something that is true, and returns it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.05)
    return found


class Machine:
    def __init__(self, root, files):
        """Boots `root`, which stays as it is. The directory `files` is there as /files, and can't be written."""
        self.log = tempfile.TemporaryFile("w+")
        command = ["systemd-nspawn", "--quiet", f"--directory={root}", "--volatile=overlay", "--boot"]
        command += ["--console=pipe", "--private-network", f"--machine=scrutin-{os.getpid()}"]
        command += [f"--bind-ro={files}:/files"]
        if not pathlib.Path("/run/systemd/system").exists():
            command += ["--register=no", "--keep-unit"]  # nobody here keeps a list of machines
        self.container = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.leader = until("a first process", self._leader)
        until("systemd has started everything", self._booted)

    def _leader(self):
        if self.container.poll() is not None:
            self.log.seek(0)
            raise AssertionError(f"systemd-nspawn ended: {self.log.read()}")
        process = self.container.pid
        children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return next((child for child in children if self._is_systemd(child)), None)

    @staticmethod
    def _is_systemd(process):
        try:
            return pathlib.Path(f"/proc/{process}/comm").read_text() == "systemd\n"
        except FileNotFoundError:
            return False

    def _booted(self):
        return self.call("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def _entered(self, command):
        return ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--", *command]

    def call(self, *command):
        """Runs a command in it as root."""
        quiet = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        return subprocess.run(self._entered(command), env=ENVIRONMENT, timeout=300, **quiet)

    def run(self, *command):
        """Runs a command that must succeed, and returns what it wrote to standard output."""
        done = self.call(*command)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *command):
        """Starts a command, which goes on beside."""
        return subprocess.Popen(
            self._entered(command), env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )

    def shows(self, unit, name):
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def stop(self):
        # The first asks it to stop in order, the second does not wait for that.
        for _ in range(2):
            self.container.send_signal(signal.SIGTERM)
            try:
                self.container.wait(timeout=20)
                self.log.close()
                return
            except subprocess.TimeoutExpired:
                continue
        os.killpg(self.container.pid, signal.SIGKILL)
        self.container.wait()
