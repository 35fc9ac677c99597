"""A crowd that comes through the Ingress, from outside of the cluster, as every visitor does."""

import json
import os
import subprocess

import kube
from engine import run, wait

NAME = "scrutin-test-crowd"
RATE = 200


class Crowd:
    """Votes and watches for as long as it is open, then checks the promise: `report` is what it found."""

    def __init__(self, rate=RATE, viewers=20, **options):
        settings = {"voters": 60000, "viewers": viewers, "rate": rate, "duration": "20m", "settle": "120s", **options}
        self.command = [f"--{name}={value}" for name, value in settings.items()]
        self.rate, self.report = rate, None

    def __enter__(self):
        subprocess.run(["docker", "rm", "--force", NAME], capture_output=True, timeout=60)
        self.before = kube.tally()["counted"]
        hosts = [f"--add-host={name}.localhost:{kube.HOST}" for name in ["vote", "result"]]
        run("docker", "run", "--detach", "--network=host", f"--name={NAME}", *hosts, os.environ["CROWD_IMAGE"],
            f"--vote-url=http://vote.localhost:{kube.PORT}", f"--result-url=http://result.localhost:{kube.PORT}",
            "--json", *self.command)
        self.more()
        return self

    def more(self, ballots=None):
        """Waits until so many more are counted; by itself what comes in two seconds."""
        ballots = ballots or 2 * self.rate
        wanted = self.counted() + ballots
        wait(f"{ballots} more ballots", lambda: self.counted() >= wanted, kube.SLOW, pause=1)

    def counted(self):
        return kube.tally()["counted"] - self.before

    def __exit__(self, failure, *_):
        try:
            if failure is None:
                self.more()
                self.finish()
        finally:
            subprocess.run(["docker", "rm", "--force", NAME], capture_output=True, timeout=60)

    def finish(self):
        run("docker", "kill", "--signal=INT", NAME)
        run("docker", "wait", NAME, timeout=kube.SLOW)
        text = run("docker", "logs", NAME).stdout
        self.report = json.loads(text[text.index("{"):])
        ballots, errors = self.report["ballots"], self.report["errors"]
        rate, slowest = ballots["acknowledged_per_second"], ballots["latency"]["p99_ms"]
        kube.say(f"{ballots['acknowledged']:,} ballots acknowledged, {rate:.0f} a second, 99 % in {slowest:.0f} ms; "
                 f"screens lost {self.report['viewers']['lost']}; failed: {errors or 'none'}")
        assert self.report["kept"], self.report["promise"]

    def failed(self, *kinds):
        """How many requests failed in one of these ways ("page", "not recorded", "unknown", "refused"), or in any."""
        return sum(count for kind, count in self.report["errors"].items() if not kinds or kind.startswith(kinds))
