"""The release images (compose.yaml and compose.prod.yaml), row by row: what the running containers are."""

import json
import re
import unittest

import engine
import release
import sizes
import stack
from engine import ask, docker, wait
from stack import CLONE, DEVELOPMENT, ENVIRONMENT, OURS, PROXY, RELEASE, SERVICES


setUpModule = release.build


def redis_cli(*command, password=ENVIRONMENT["REDIS_PASSWORD"]):
    """What Redis says to a command from inside its container."""
    login = f"REDISCLI_AUTH={password}"
    ran = RELEASE.compose("exec", "-T", "--env", login, "redis", "redis-cli", *command, check=False)
    return ran.stdout + ran.stderr


class Shape(unittest.TestCase):
    """What the containers are."""

    def test_everything_comes_up_and_is_healthy(self):
        RELEASE.compose("up", "--detach", "--wait")
        self.assertEqual(RELEASE.running(), set(SERVICES))
        RELEASE.wait_healthy(*SERVICES)

    def test_every_service_has_health_restart_limits_and_logs(self):
        ask(PROXY)  # the proxy has something to log only when it is asked
        for service, container in RELEASE.containers().items():
            with self.subTest(service=service):
                host = container["HostConfig"]
                self.assertTrue(container["Config"]["Healthcheck"]["Test"])
                self.assertEqual(host["RestartPolicy"]["Name"], "unless-stopped")
                self.assertGreater(host["Memory"], 0)
                self.assertGreater(host["NanoCpus"], 0)
                self.assertGreater(host["PidsLimit"], 0)
                self.assertIn("no-new-privileges:true", host["SecurityOpt"])
                logged = docker("logs", container["Id"])
                # PostgreSQL's own habit is the other stream; the engine keeps both.
                self.assertTrue(logged.stderr if service == "db" else logged.stdout)

    def test_our_programs_log_one_json_object_a_line(self):
        for service in OURS:
            lines = docker("logs", RELEASE.container(service)["Id"]).stdout.splitlines()
            self.assertTrue(lines)
            for line in lines:
                self.assertLessEqual({"timestamp", "level", "message"}, json.loads(line).keys())

    def test_our_containers_can_write_nothing_and_hold_nothing_of_this_machine(self):
        for service in [*OURS, "proxy"]:
            container = RELEASE.container(service)
            self.assertTrue(container["HostConfig"]["ReadonlyRootfs"], service)
            self.assertEqual(container["Mounts"], [], service)

    def test_our_processes_have_no_rights(self):
        for service, user in [*((service, 65532) for service in OURS), ("proxy", 101)]:
            with self.subTest(service=service):
                container = RELEASE.container(service)
                status = docker("run", "--rm", "--pid", f"container:{container['Id']}", "--user", str(user),
                                "--entrypoint", "cat", "redis:alpine", "/proc/1/status").stdout
                fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
                self.assertEqual(fields["Uid"].split(), [str(user)] * 4)
                for capabilities in ["CapPrm", "CapEff", "CapBnd", "CapAmb"]:
                    self.assertEqual(int(fields[capabilities], 16), 0, capabilities)
                self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))

    def test_the_user_of_our_images_is_a_number(self):
        for service in OURS:
            image = engine.inspect("image", RELEASE.container(service)["Image"])
            self.assertEqual(image["Config"]["User"], "65532:65532")

    def test_our_containers_have_no_shell(self):
        for service in OURS:
            tried = docker("exec", RELEASE.container(service)["Id"], "/bin/sh", "-c", "true", check=False)
            self.assertIn(tried.returncode, [126, 127])

    def test_our_images_are_small(self):
        for program in [*OURS, "crowd"]:
            self.assertLess(sizes.in_use(program), sizes.MOST_MB, program)

    def test_a_change_in_one_service_builds_nothing_of_the_others(self):
        def images():
            return {
                service: engine.inspect("image", f"scrutin-test/{service}:latest")["Id"]
                for service in ["worker", "result"]
            }

        before = images()
        with open(CLONE / "vote/src/lib.rs", "a") as file:
            file.write("// A change.\n")
        release.bake("worker", "result")
        self.assertEqual(images(), before)
        said = engine.run("docker", "build", "--progress=plain", "--target=dependencies", "--file=vote/Dockerfile",
                          "--build-arg=RUST_IMAGE", ".", cwd=CLONE, env=ENVIRONMENT).stderr
        step = re.search(r"^#(\d+) \[dependencies \d/\d\] RUN ", said, re.MULTILINE).group(1)
        self.assertIn(f"\n#{step} CACHED\n", said, "the dependencies of vote itself are not built again either")

    def test_programs_take_as_many_open_files_as_twenty_thousand_screens_need(self):
        # Engines give a program few, and let it take more. What is given here is less than that, so that it shows.
        given, allowed = 512, 4096
        for service in ["vote", "result"]:
            id = docker("run", "--detach", "--ulimit", f"nofile={given}:{allowed}", "--env", f"SECRET_KEY={'k' * 32}",
                        engine.inspect("container", RELEASE.container(service)["Id"])["Image"]).stdout.strip()
            try:
                wait(f"{service} to take them", lambda: self.open_files(id) == allowed, seconds=20)
            finally:
                docker("rm", "--force", id)

    @staticmethod
    def open_files(container):
        limits = docker("run", "--rm", "--pid", f"container:{container}", "--user", "65532", "--entrypoint", "cat",
                        "redis:alpine", "/proc/1/limits", check=False).stdout
        found = re.search(r"^Max open files +(\d+)", limits, re.MULTILINE)
        return found and int(found.group(1))

    def test_a_setting_that_is_empty_counts_as_not_set(self):
        # Compose passes on what nobody has set as empty.
        environment = RELEASE.container("result")["Config"]["Env"]
        for name in ["EMBED_ORIGINS", "MAX_VIEWERS"]:
            self.assertIn(f"{name}=", environment)
        RELEASE.wait_healthy("result")

    def test_redis_writes_before_it_answers_and_drops_nothing(self):
        for setting, value in [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")]:
            said = redis_cli("config", "get", setting).split()
            self.assertEqual(said, [setting, value])

    def test_the_servers_run_without_rights_and_ask_for_a_password(self):
        for service in ["redis", "db"]:
            id = RELEASE.container(service)["Id"]
            for line in docker("top", id, "-eo", "pid,uid,args").stdout.splitlines()[1:]:
                self.assertNotEqual(line.split()[1], "0", line)
                self.assertNotIn("password", line)
        self.assertIn("NOAUTH", redis_cli("ping", password=""))
        self.assertEqual(redis_cli("ping").strip(), "PONG")

    def test_the_port_of_the_proxy_can_be_moved(self):
        unset = {name: value for name, value in ENVIRONMENT.items() if name not in ["VOTE_URL", "RESULT_URL"]}
        moved = engine.run("docker", "compose", *DEVELOPMENT.files, "config", "--format", "json", cwd=CLONE,
                           env={**unset, "HTTP_PORT": "8088"}).stdout
        services = json.loads(moved)["services"]
        self.assertEqual([port["published"] for port in services["proxy"]["ports"]], ["8088"])
        self.assertEqual(services["vote"]["environment"]["RESULT_URL"], "http://result.localhost:8088")
        self.assertIn("http://vote.votes.fr:8088,", services["result"]["environment"]["ALLOWED_ORIGINS"])

    def test_the_release_insists_on_secrets_and_public_addresses(self):
        for name in ["SECRET_KEY", "ORGANISER_TOKEN", "REDIS_PASSWORD", "POSTGRES_PASSWORD", "VOTE_URL", "RESULT_URL"]:
            without = {key: value for key, value in ENVIRONMENT.items() if key != name}
            tried = engine.run("docker", "compose", *RELEASE.files, "config", cwd=CLONE, env=without, check=False)
            self.assertNotEqual(tried.returncode, 0)
            self.assertIn(name, tried.stderr)

    def test_all_images_are_built_for_both_architectures_under_a_prefix(self):
        printed = engine.run(
            "docker", "buildx", "bake", "--print", cwd=CLONE, env={**ENVIRONMENT, "REGISTRY": "me"}
        ).stdout
        targets = json.loads(printed)["target"]
        self.assertEqual(targets.keys(), {*OURS, "scrutin", "crowd", "proxy"})
        for name, target in targets.items():
            self.assertEqual(target["platforms"], ["linux/amd64", "linux/arm64"])
            self.assertEqual(target["tags"], [f"me/{name}:0.2.0", f"me/{name}:latest"])
            self.assertEqual(target.get("target"), None if name == "proxy" else "release")
            self.assertEqual(target["attest"], ["type=provenance,mode=max", "type=sbom"])


load_tests = stack.in_order(Shape)

if __name__ == "__main__":
    unittest.main()
