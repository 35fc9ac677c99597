"""From release 0.1.0 to this one in each shape, while a crowd votes (docs/operations.md, "Upgrade").

`scripts/test-upgrade` has built both releases. The crowd says at its end whether everything that was acknowledged was
counted, and nothing twice."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import stack
from engine import ask, docker, run, wait
from stack import CLONE, ENVIRONMENT, TOKEN

EARLIER = pathlib.Path(os.environ.get("SCRUTIN_TEST_EARLIER", "/nonexistent"))
VERSION = os.environ.get("SCRUTIN_TEST_VERSION", "")
VOTES_BEFORE = VOTES_AFTER = 1000
CROWD = ["--voters", "200000", "--viewers", "20", "--rate", "100", "--settle", "120s", "--json"]
SECONDS = 300


class Crowd:
    """Votes until it is told that it is enough, and checks the promise."""

    def __init__(self, command, counted):
        self.counted = counted
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def goes_on(self, votes):
        """So many more voters are counted."""
        before = wait("a tally", lambda: (self.counted(),), SECONDS)[0]

        def voted():
            assert self.process.poll() is None, self.process.communicate()
            return self.counted() >= before + votes

        wait(f"{votes} voters more", voted, SECONDS)

    def ends(self, told=True):
        """Its report, after the promise was kept; it is told that it is enough, or its time is over by itself."""
        if told:
            self.process.send_signal(signal.SIGINT)
        said, errors = self.process.communicate(timeout=3 * SECONDS)
        assert self.process.returncode == 0, said + errors
        report = json.loads(said)
        assert report["kept"], report
        return report

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def counted_at(port, host="localhost"):
    def counted():
        answer = ask(port, "/api/polls/main/tally", host=host)
        assert answer.status == 200, (answer.status, answer.text)
        return answer.json()["voters"]

    return counted


class AllInOne(unittest.TestCase):
    """One program: the earlier one is stopped, the new one started on its directory."""

    VOTE, RESULT = 18480, 18481

    def start(self, program, data, votes):
        """Serves with at least so many counted votes."""
        addresses = {"VOTE_ADDR": f"127.0.0.1:{self.VOTE}", "RESULT_ADDR": f"127.0.0.1:{self.RESULT}"}
        environment = {"PATH": os.environ["PATH"], "DATA_DIR": data, **addresses}
        process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        counted = counted_at(self.RESULT)
        wait("it to serve", lambda: counted() >= votes, SECONDS)
        return process

    def test_a_crowd_votes_through_the_upgrade(self):
        old, new = EARLIER.parent / "target" / "debug" / "scrutin", CLONE / "target" / "debug" / "scrutin"
        with tempfile.TemporaryDirectory() as data:
            process = self.start(old, data, 0)
            places = [f"--vote-url=http://localhost:{self.VOTE}", f"--result-url=http://localhost:{self.RESULT}"]
            crowd = [CLONE / "target" / "debug" / "crowd", *places, *CROWD, "--duration", "10m"]
            with Crowd(crowd, counted_at(self.RESULT)) as voters:
                voters.goes_on(VOTES_BEFORE)
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(timeout=30), 0)
                process = self.start(new, data, VOTES_BEFORE)
                voters.goes_on(VOTES_AFTER)
                report = voters.ends()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=30), 0)
            print("\n" + summary(report), end="")
            print(run(new, "recount", env={"DATA_DIR": data}).stdout, end="")


class Compose(unittest.TestCase):
    """The release stack: everything is replaced at once."""

    @staticmethod
    def compose(sources, tag, *arguments, **options):
        environment = {**ENVIRONMENT, "REGISTRY": "scrutin-upgrade", "TAG": tag, "POSTGRES_VERSION": "9.4"}
        if tag == "0.1.0":
            # That release did not ask for them; its database began with a password that everybody knows.
            del environment["POSTGRES_PASSWORD"], environment["REDIS_PASSWORD"]
        files = ["--file", "compose.yaml", "--file", "compose.prod.yaml"]
        command = ["docker", "compose", *files, *arguments]
        return run(*command, cwd=sources, env=environment, timeout=1200, **options)

    def test_a_crowd_votes_through_the_upgrade(self):
        stack.refuse_to_disturb()
        stack.remove()
        self.addCleanup(stack.remove)
        self.compose(EARLIER, "0.1.0", "up", "--detach", "--wait")
        docker("rm", "--force", "scrutin-upgrade-crowd", check=False)
        crowd = ["docker", "run", "--rm", "--network", "host", "--name", "scrutin-upgrade-crowd",
                 f"scrutin-upgrade/crowd:{VERSION}", "--vote-url=http://localhost:8080",
                 "--result-url=http://localhost:8081", *CROWD, "--duration", "15m"]
        with Crowd(crowd, counted_at(stack.RESULT)) as voters:
            voters.goes_on(VOTES_BEFORE)
            password = ENVIRONMENT["POSTGRES_PASSWORD"]
            change = f"ALTER ROLE postgres PASSWORD '{password}'"
            self.compose(EARLIER, "0.1.0", "exec", "-T", "db", "psql", "-U", "postgres", "-c", change)
            self.compose(CLONE, VERSION, "up", "--detach", "--wait", "--no-build")
            voters.goes_on(VOTES_AFTER)
            print("\n" + summary(voters.ends()), end="")
        said = self.compose(CLONE, VERSION, "exec", "-T", "worker", "/app/worker", "--version")
        self.assertIn(VERSION, said.stdout)
        print(self.compose(CLONE, VERSION, "exec", "-T", "worker", "/app/worker", "recount").stdout, end="")


class Kubernetes(unittest.TestCase):
    """The manifests, applied over those of the earlier release."""

    HERE = CLONE / "tests" / "stack" / "kubernetes"

    @staticmethod
    def kubectl(*arguments, **options):
        return run("kubectl", *arguments, **{"timeout": 900, **options}).stdout

    def counted(self):
        path = "/api/v1/namespaces/scrutin/services/result:http/proxy/api/polls/main/tally"
        return json.loads(self.kubectl("get", "--raw", path))["voters"]

    def remove(self):
        self.kubectl("delete", "namespace", "scrutin", "scrutin-crowd", "--ignore-not-found", "--wait")

    def test_a_crowd_votes_through_the_upgrade(self):
        self.remove()
        self.addCleanup(self.remove)
        self.kubectl("apply", "--filename", str(EARLIER / "k8s"))
        # Its pods ask for more than a laptop's cluster has: not all of them find a place.
        wait("the earlier release to serve", lambda: self.counted() >= 0, SECONDS)
        pod = ["--image", f"scrutin/crowd:{VERSION}", "--restart=Never", "--rm", "--attach", "--quiet"]
        self.kubectl("create", "namespace", "scrutin-crowd")
        crowd = ["kubectl", "--namespace", "scrutin-crowd", "run", "crowd", *pod, "--",
                 "--vote-url=http://vote.scrutin", "--result-url=http://result.scrutin", *CROWD, "--duration", "5m"]
        with Crowd(crowd, self.counted) as voters:
            voters.goes_on(VOTES_BEFORE)
            self.kubectl("apply", "--filename", str(CLONE / "k8s"))
            for name in ["statefulset/redis", "statefulset/postgres", "deployment/worker", "deployment/vote",
                         "deployment/result"]:
                self.kubectl("--namespace", "scrutin", "rollout", "status", name, "--timeout=600s")
            voters.goes_on(VOTES_AFTER)
            print("\n" + summary(voters.ends(told=False)), end="")
        image = self.kubectl("--namespace", "scrutin", "get", "deployment", "worker", "--output",
                             "jsonpath={.spec.template.spec.containers[0].image}")
        self.assertTrue(image.endswith(VERSION), image)
        recount = ["exec", "deployment/worker", "--", "/app/worker", "recount"]
        print(self.kubectl("--namespace", "scrutin", *recount), end="")


def summary(report):
    ballots = report["ballots"]
    return f"{ballots['acknowledged']} acknowledged, {ballots['unknown']} of unknown outcome: all as they should be\n"


if __name__ == "__main__":
    unittest.main()
