"""The units of the three services, set up from the archive as its INSTALL.md says, on a Redis and a PostgreSQL."""

import json
import re
import shutil
import unittest

from machine import Machine, until
from staging import ROOT, staged

SERVICES = ["scrutin-worker", "scrutin-vote", "scrutin-result"]
SERVERS = """
printf 'appendonly yes\\nappendfsync always\\nmaxmemory-policy noeviction\\n' >>/etc/redis/redis.conf
systemctl restart redis-server
runuser -u postgres -- psql -qc "CREATE ROLE scrutin LOGIN PASSWORD 'of-a-test'"
runuser -u postgres -- createdb --owner scrutin scrutin
"""
SETTINGS = r"""
sed -i -e "s/^SECRET_KEY=.*/SECRET_KEY=0123456789abcdef0123456789abcdef/" \
  -e "s/^ORGANISER_TOKEN=.*/ORGANISER_TOKEN=organiser-token-for-tests/" -e s/PASSWORD@/of-a-test@/ \
  /etc/scrutin/services.env
"""


def commands(heading):
    """The commands of INSTALL.md below a heading: its indented lines."""
    text = (staged_files / "archive/INSTALL.md").read_text()
    part = text[text.index(heading):].split("\n\n", 2)[1]
    return "set -e; cd /files/archive\n" + "\n".join(line.strip() for line in part.splitlines())


class Services(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        global staged_files
        staged_files = staged()
        cls.addClassCleanup(shutil.rmtree, staged_files)
        cls.machine = Machine(ROOT, staged_files)
        cls.addClassCleanup(cls.machine.stop)

    def test_1_the_units_have_no_fault(self):
        self.machine.run("sh", "-c", commands("With systemd"))
        self.machine.run("sh", "-c", SERVERS)
        install = commands("**The three services**").splitlines()
        # The last line starts them, before which the settings are to be filled in.
        self.machine.run("sh", "-c", "\n".join(install[:-1]))
        self.machine.run("sh", "-c", SETTINGS)
        self.machine.run("sh", "-c", "\n".join([install[0], install[-1]]))
        for unit in SERVICES:
            verified = self.machine.call("systemd-analyze", "verify", f"{unit}.service")
            self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))
            security = self.machine.run("systemd-analyze", "security", "--no-pager", f"{unit}.service")
            self.assertLessEqual(float(re.search(r"exposure level for \S+: ([0-9.]+)", security)[1]), 1.1, unit)

    def test_2_they_count_what_a_crowd_votes(self):
        for port in [9091, 9092, 9093]:
            ready = ["curl", "--fail", "--silent", f"http://127.0.0.1:{port}/readyz"]
            until(f"ready at {port}", lambda ready=ready: self.machine.call(*ready).returncode == 0)
        few = ["--voters", "500", "--viewers", "5", "--probes", "0", "--rate", "200", "--duration", "4s"]
        self.machine.run("/opt/scrutin/bin/crowd", *few)
        tally = json.loads(self.machine.run("curl", "--fail", "--silent", "http://localhost:8081/api/polls/main/tally"))
        self.assertGreater(tally["voters"], 100)

    def test_3_they_have_no_user_of_their_own_and_stop_in_order(self):
        for unit in SERVICES:
            process = self.machine.shows(unit, "MainPID")
            user = self.machine.run("stat", "--format=%u", f"/proc/{process}").strip()
            self.assertGreaterEqual(int(user), 61184, "one of systemd's dynamic users")
            self.machine.run("systemctl", "stop", unit)
            ended = self.machine.shows(unit, "Result"), self.machine.shows(unit, "ExecMainStatus")
            self.assertEqual(ended, ("success", "0"))

    def test_4_the_all_in_one_runs_from_the_archive_too(self):
        install = commands("**All in one.**")
        self.machine.run("sh", "-c", install.replace("journalctl", "journalctl --no-pager"))
        answers = ["curl", "--fail", "--silent", "--output", "/dev/null", "http://localhost:8080/"]
        until("an answer", lambda: self.machine.call(*answers).returncode == 0)
        self.assertIn("sign-in?token=", self.machine.run("journalctl", "--unit=scrutin", "--output=cat"))
