"""The image of the all-in-one, run as the README says: from nothing, killed, read-only, on a directory."""

import contextlib
import html
import pathlib
import re
import socket
import tempfile
import unittest

import engine
import release
import sizes
import stack
from engine import ask, docker, wait

IMAGE = f"{stack.ENVIRONMENT['REGISTRY']}/scrutin:latest"
VOLUME = "scrutin-test-image"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
STOP_SECONDS = 10  # what `docker stop` waits before it kills


def setUpModule():
    release.bake("scrutin", REVISION=COMMIT)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def voted(port):
    return ask(port, method="POST", body="vote=a").status == 303


def votes(port):
    tally = ask(port, "/api/polls/main/tally")
    return tally.json()["votes"]["a"] if tally.status == 200 else None


class Image(unittest.TestCase):
    def setUp(self):
        self.vote, self.result = free_port(), free_port()
        docker("volume", "rm", "--force", VOLUME)
        self.addCleanup(docker, "volume", "rm", "--force", VOLUME)

    @contextlib.contextmanager
    def running(self, *options, volume=f"{VOLUME}:/data"):
        """The command of the README, on ports of the host that are free."""
        id = docker("run", "--detach", "-p", f"{self.vote}:8080", "-p", f"{self.result}:8081", "-v", volume, *options,
                    IMAGE).stdout.strip()
        try:
            wait("the voting page", lambda: ask(self.vote).status == 200)
            yield id
        finally:
            docker("rm", "--force", id)

    @staticmethod
    def said(id):
        ran = docker("logs", id)
        return ran.stdout + ran.stderr

    @staticmethod
    def state(id):
        return engine.inspect("container", id)["State"]

    def test_sqlite_is_built_as_the_repository_says(self):
        with self.running() as id, tempfile.TemporaryDirectory() as here:
            docker("cp", f"{id}:/app/scrutin", here)
            self.assertIn(b"DEFAULT_MEMSTATUS=0", pathlib.Path(here, "scrutin").read_bytes())

    def test_what_was_acknowledged_is_counted_after_a_kill(self):
        with self.running() as id:
            self.assertTrue(voted(self.vote))
            docker("kill", "--signal", "KILL", id)
            docker("start", id)
            wait("the ballot to be counted", lambda: votes(self.result) == 1)
        with self.running() as again:
            wait("it in another container on the volume", lambda: votes(self.result) == 1)
            self.assertNotIn("sign-in?token=", self.said(again), "a token that is kept is not printed to a log")
            token = docker("cp", f"{again}:/data/organiser-token", "-").stdout
            self.assertRegex(token, r"[\w-]{20,}", "and this is how to read it, which the greeting says")
            self.assertIn("docker cp CONTAINER:/data/organiser-token -", self.said(again))

    def test_it_runs_on_a_read_only_root_without_rights(self):
        options = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        with self.running(*options) as id:
            self.assertTrue(voted(self.vote))
            wait("the count", lambda: votes(self.result) == 1)
            self.assertEqual(docker("top", id, "-o", "pid,uid").stdout.split()[-1], "65532")
            self.assertIn(docker("exec", id, "/bin/sh", "-c", "true", check=False).returncode, [126, 127])

    def test_its_health_is_told_and_its_stop_is_in_order(self):
        with self.running() as id:
            wait("it to be healthy", lambda: self.state(id)["Health"]["Status"] == "healthy")
            docker("stop", "--time", str(STOP_SECONDS), id)
            self.assertEqual((self.state(id)["ExitCode"], self.state(id)["OOMKilled"]), (0, False))

    def test_its_first_words_are_the_addresses_outside(self):
        with self.running() as id:
            said = self.said(id)
            first = next(line for line in said.splitlines() if line and '"level":"WARN"' not in line)
            self.assertEqual(first.strip(), "Scrutin is ready.")
            for wanted in [
                "Vote      http://localhost:8080\n",
                "Results   http://localhost:8081\n",
                "Organise  http://localhost:8080/organise/sign-in?token=",
                "-p 8080:8080 -p 8081:8081",
                "docker run -e VOTE_URL=http",
            ]:
                self.assertIn(wanted, said)
            self.assertNotIn(engine.address(id), said)

    def test_the_addresses_that_are_set_are_all_it_says(self):
        with self.running("-e", "VOTE_URL=http://192.0.2.7:8000", "-e", "RESULT_URL=http://192.0.2.7:8001") as id:
            said = self.said(id)
            self.assertIn("Vote      http://192.0.2.7:8000\n", said)
            self.assertIn("Results   http://192.0.2.7:8001\n", said)
            self.assertNotIn("container", said)
            self.assertEqual(self.code_leads_to("localhost"), "http://192.0.2.7:8000")

    def test_no_code_leads_into_the_container(self):
        with self.running() as id:
            self.assertIsNone(self.code_leads_to("localhost:8081"), "which leads each phone to itself")
            self.assertIsNone(self.code_leads_to(f"{engine.address(id)}:8081"), "which no phone finds")
            self.assertEqual(self.code_leads_to("192.0.2.7:8081"), "http://192.0.2.7:8080")

    def code_leads_to(self, host):
        """Where the QR code leads on the page of the result, asked for by this name, if there is one."""
        page = ask(self.result, "/p/main/join", host=host)
        self.assertEqual(page.status, 200)
        address = re.search(r'<p class="address"><a href="([^"]+)"', page.text)[1]
        return html.unescape(address) if '<svg class="qr"' in page.text else None

    def test_with_the_network_of_the_machine_it_knows_the_machines_addresses(self):
        ports = ["-e", f"VOTE_ADDR=[::]:{self.vote}", "-e", f"RESULT_ADDR=[::]:{self.result}", "-e",
                 f"ADMIN_ADDR=127.0.0.1:{free_port()}"]
        id = docker("run", "--detach", "--network", "host", *ports, IMAGE).stdout.strip()
        try:
            wait("the voting page", lambda: ask(self.vote).status == 200)
            self.assertNotIn("This is a container", self.said(id))
        finally:
            docker("rm", "--force", "--volumes", id)

    def test_a_directory_that_is_not_its_own_is_one_clear_line(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory).chmod(0o755)
            ran = docker("run", "--rm", "-v", f"{directory}:/data", IMAGE, check=False)
            self.assertEqual(ran.returncode, 2)
            said = ran.stdout + ran.stderr
            self.assertEqual(len(said.strip().splitlines()), 1, said)
            self.assertIn("DATA_DIR: user 65532 can't write to /data", said)
            self.assertIn("chown 65532", said)
            engine.run("chown", "65532", directory)
            with self.running(volume=f"{directory}:/data"):
                self.assertTrue(voted(self.vote))

    def test_its_commands_work_on_the_volume(self):
        with self.running():
            self.assertTrue(voted(self.vote))
            wait("the count", lambda: votes(self.result) == 1)
        recount = docker("run", "--rm", "-v", f"{VOLUME}:/data", IMAGE, "recount")
        self.assertRegex(recount.stdout, r"main")

    def test_a_backup_is_kept_on_the_volume(self):
        with self.running() as id:
            self.assertTrue(voted(self.vote))
            docker("run", "--rm", "-v", f"{VOLUME}:/data", IMAGE, "backup", "copy.db")
            with tempfile.TemporaryDirectory() as here:
                docker("cp", f"{id}:/data/copy.db", here)
                self.assertTrue(pathlib.Path(here, "copy.db").read_bytes().startswith(b"SQLite format 3"))

    def test_it_is_described_and_small(self):
        image = engine.inspect("image", IMAGE)
        config, labels = image["Config"], image["Config"]["Labels"]
        self.assertEqual((config["User"], list(config["Volumes"])), ("65532:65532", ["/data"]))
        self.assertEqual(sorted(config["ExposedPorts"]), ["8080/tcp", "8081/tcp"])
        wanted = {"title": "Scrutin: scrutin", "version": "0.2.0", "licenses": "MIT", "revision": COMMIT}
        self.assertEqual({name: labels.get(f"org.opencontainers.image.{name}") for name in wanted}, wanted)
        self.assertLess(sizes.in_use("scrutin"), sizes.MOST_MB)

    def test_its_commit_is_known_to_the_program(self):
        self.assertIn(COMMIT[:12], docker("run", "--rm", IMAGE, "--version").stdout)


if __name__ == "__main__":
    unittest.main()
