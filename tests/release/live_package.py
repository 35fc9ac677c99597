"""The Debian package of the all-in-one, from its first installation to its purge, under a real systemd. Each test finds
the machine as the one before has left it."""

import json
import re
import shutil
import unittest

from machine import Machine, until
from staging import ROOT, staged

DATA = "/var/lib/scrutin"
# Ballots for some seconds, each of which must be acknowledged once, whatever happens to the service meanwhile.
CROWD = ["/files/archive/bin/crowd", "--voters", "2000", "--viewers", "5", "--probes", "0", "--json"]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = staged()
        cls.addClassCleanup(shutil.rmtree, cls.files)
        cls.machine = Machine(ROOT, cls.files)
        cls.addClassCleanup(cls.machine.stop)

    def answers(self):
        asked = ["curl", "--fail", "--silent", "--output", "/dev/null", "http://localhost:8080/"]
        return self.machine.call(*asked).returncode == 0

    def tally(self):
        return json.loads(self.machine.run("curl", "--fail", "--silent", "http://localhost:8081/api/polls/main/tally"))

    def open_files(self, process):
        limits = self.machine.run("cat", f"/proc/{process}/limits")
        return int(re.search(r"Max open files +\d+ +(\d+)", limits)[1])

    def secrets(self):
        return self.machine.run("cat", f"{DATA}/secret-key", f"{DATA}/organiser-token")

    def recount(self):
        return self.machine.run("runuser", "-u", "scrutin", "--", "scrutin", "recount", "--data-dir", DATA)

    def vote(self, *more):
        self.machine.run(*CROWD, "--rate", "500", "--duration", "4s", *more)

    def test_1_it_installs_and_starts(self):
        said = self.machine.run("dpkg", "--install", "/files/older.deb")
        self.assertIn("journalctl -u scrutin", said)
        self.assertEqual(self.machine.shows("scrutin", "ActiveState"), "active")
        self.assertEqual(self.machine.run("systemctl", "is-enabled", "scrutin").strip(), "enabled")
        until("an answer", self.answers)
        journal = self.machine.run("journalctl", "--unit=scrutin", "--output=cat")
        self.assertIn("/organise/sign-in?token=", journal)
        # Where the container may raise limits: all that the unit asks for.
        self.assertEqual(self.open_files(self.machine.shows("scrutin", "MainPID")), min(65536, self.open_files("1")))

    def test_2_it_runs_as_its_own_user_and_keeps_its_files_for_itself(self):
        process = self.machine.shows("scrutin", "MainPID")
        self.assertEqual(self.machine.run("stat", "--format=%U", f"/proc/{process}").strip(), "scrutin")
        modes = self.machine.run("find", DATA, "-printf", "%P %U %m\n").splitlines()
        user = self.machine.run("id", "--user", "scrutin").strip()
        self.assertTrue(all(line.split()[-2] == user for line in modes), modes)
        self.assertIn(f" {user} 700", modes)
        self.assertIn(f"scrutin.db {user} 600", modes)
        self.assertEqual(self.machine.run("stat", "--format=%U:%a", "/etc/scrutin/scrutin.env").strip(), "root:640")

    def test_3_systemd_has_no_objection_and_little_to_add(self):
        verified = self.machine.call("systemd-analyze", "verify", "scrutin.service")
        self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))
        security = self.machine.run("systemd-analyze", "security", "--no-pager", "scrutin.service")
        exposure = float(re.search(r"Overall exposure level for scrutin.service: ([0-9.]+)", security)[1])
        self.assertLessEqual(exposure, 1.1)

    def test_4_an_upgrade_under_load_loses_nothing(self):
        self.machine.run("sh", "-c", "echo LOG=info >>/etc/scrutin/scrutin.env")
        before = self.secrets(), self.machine.shows("scrutin", "MainPID")
        crowd = self.machine.start(*CROWD, "--rate", "200", "--duration", "12s")
        self.addCleanup(crowd.kill)
        until("ballots", lambda: self.tally()["voters"] > 200)
        self.machine.run("dpkg", "--install", "/files/new.deb")
        until("an answer", self.answers)
        during = self.tally()["voters"]
        report, _ = crowd.communicate()
        self.assertEqual(crowd.returncode, 0, report)
        after = self.secrets(), self.machine.shows("scrutin", "MainPID")
        self.assertEqual(after[0], before[0])
        self.assertNotEqual(after[1], before[1], "the program was started again")
        self.assertGreater(self.tally()["voters"], during, "the crowd voted before and after")
        self.assertIn("LOG=info", self.machine.run("cat", "/etc/scrutin/scrutin.env"), "the settings stay")
        status = self.machine.run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "scrutin")
        self.assertRegex(status, r"^installed (?!0\.1\.9)")

    def test_5_a_stop_is_orderly(self):
        self.machine.run("systemctl", "stop", "scrutin")
        self.assertEqual(self.machine.shows("scrutin", "Result"), "success")
        self.assertEqual(self.machine.shows("scrutin", "ExecMainStatus"), "0")
        self.assertNotIn("waiting:", self.recount())
        self.machine.run("systemctl", "start", "scrutin")
        until("an answer", self.answers)

    def test_6_a_kill_is_followed_by_a_start(self):
        before = self.tally()["voters"]
        self.machine.run("systemctl", "kill", "--signal=KILL", "scrutin")
        until("another start", lambda: self.machine.shows("scrutin", "NRestarts") == "1")
        until("an answer", self.answers)
        self.assertEqual(self.tally()["voters"], before)

    def test_7_a_wrong_setting_is_told_once(self):
        self.machine.run("sh", "-c", "echo VOTE_ADDR=here >>/etc/scrutin/scrutin.env")
        self.machine.call("systemctl", "restart", "scrutin")
        until("the end", lambda: self.machine.shows("scrutin", "ActiveState") == "failed")
        self.assertEqual(self.machine.shows("scrutin", "ExecMainStatus"), "2")
        status = self.machine.call("systemctl", "status", "--no-pager", "scrutin").stdout
        self.assertIn('VOTE_ADDR: "here"', status)
        self.machine.run("sed", "--in-place", "/VOTE_ADDR=here/d", "/etc/scrutin/scrutin.env")
        self.machine.run("systemctl", "reset-failed", "scrutin")
        self.machine.run("systemctl", "start", "scrutin")
        until("an answer", self.answers)

    def test_8_a_purge_keeps_the_data_and_says_so(self):
        secrets, voters = self.secrets(), self.tally()["voters"]
        purged = self.machine.call("dpkg", "--purge", "scrutin")
        self.assertEqual(purged.returncode, 0, purged.stderr)
        self.assertIn("are kept in /var/lib/scrutin", purged.stdout + purged.stderr)
        for gone in ["/usr/bin/scrutin", "/etc/scrutin", "/lib/systemd/system/scrutin.service"]:
            self.assertNotEqual(self.machine.call("test", "-e", gone).returncode, 0, gone)
        self.assertEqual(self.machine.shows("scrutin", "ActiveState"), "inactive")
        self.assertEqual(self.secrets(), secrets)
        self.machine.run("dpkg", "--install", "/files/new.deb")
        until("an answer", self.answers)
        self.assertEqual((self.secrets(), self.tally()["voters"]), (secrets, voters))

    def test_9_it_can_be_removed_where_no_systemd_runs(self):
        # As in the build of an image: maintainer scripts without a first process to talk to.
        self.machine.run("systemctl", "stop", "scrutin")
        for action in [["--install", "/files/new.deb"], ["--remove", "scrutin"], ["--purge", "scrutin"]]:
            self.machine.run("unshare", "--mount", "sh", "-c", f"umount -l /run && dpkg {' '.join(action)}")


class Lintian(unittest.TestCase):
    def test_lintian_finds_no_error(self):
        files = staged()
        self.addCleanup(shutil.rmtree, files)
        machine = Machine(ROOT, files)
        self.addCleanup(machine.stop)
        found = machine.call("lintian", "--allow-root", "--fail-on", "error", "/files/new.deb")
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)
