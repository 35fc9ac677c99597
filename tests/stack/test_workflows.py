"""The workflows of the public forge, as far as they can be read: actionlint has no objection, and they only call what
anybody can call."""

import pathlib
import re
import subprocess
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
# What a job may do besides: prepare the machine on which the script runs.
PREPARATIONS = ["git config --global ", "rustup component add ", "sudo apt-get update && sudo apt-get install "]


def workflows():
    return [(path.name, yaml.safe_load(path.read_text())) for path in FILES]


def steps():
    return [
        (name, step) for name, workflow in workflows() for job in workflow["jobs"].values() for step in job["steps"]
    ]


class Workflows(unittest.TestCase):
    def test_actionlint_has_no_objection(self):
        run = subprocess.run(["actionlint", *FILES], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))

    def test_they_call_the_scripts_and_nothing_of_their_own(self):
        called = [step["run"] for _, step in steps() if "run" in step]
        scripts = [command for command in called if not command.startswith(tuple(PREPARATIONS))]
        self.assertEqual(sorted(scripts), ["scripts/release", "scripts/test", "scripts/test-stack"])
        for script in scripts:
            self.assertTrue((ROOT / script).exists(), script)

    def test_foreign_actions_are_the_forges_own_and_named_by_version(self):
        used = {step["uses"] for _, step in steps() if "uses" in step}
        for action in used:
            self.assertRegex(action, r"^actions/[a-z-]+@v\d+$")

    def test_nobody_may_write_and_the_checkout_keeps_no_credentials(self):
        for name, workflow in workflows():
            self.assertEqual(workflow["permissions"], {"contents": "read"}, name)
            self.assertFalse(any("permissions" in job for job in workflow["jobs"].values()), name)
            self.assertNotIn("secrets.", (ROOT / ".github/workflows" / name).read_text())
        for name, step in steps():
            if step.get("uses", "").startswith("actions/checkout"):
                self.assertIs(step["with"]["persist-credentials"], False, name)

    def test_each_job_ends_and_has_the_compiler_of_the_workspace(self):
        compiler = re.search(r'^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        for name, workflow in workflows():
            for job in workflow["jobs"].values():
                self.assertLessEqual(job["timeout-minutes"], 90, name)
                self.assertIn(job.get("container", f"rust:{compiler}-bookworm"), [f"rust:{compiler}-bookworm"], name)


if __name__ == "__main__":
    unittest.main()
