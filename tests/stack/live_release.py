"""The release images (compose.yaml and compose.prod.yaml), row by row, against the running containers."""

import json
import re
import socket
import unittest

import engine
import stack
from engine import ask, docker, wait
from flow import Flow
from socket_io import Screen
from stack import CLONE, ENVIRONMENT, OURS, PROXY, RELEASE, RESULT, SERVICES, VOTE

BASE = "gcr.io/distroless/static-debian12:nonroot"
# What an image may add to its base. That of Google's registry is about 2 MB; a stand-in for it is more.
OUR_LAYERS_MB = 16
WHOLE_MB = 40


def setUpModule():
    stack.refuse_to_disturb()
    stack.remove()
    unittest.addModuleCleanup(stack.remove)
    RELEASE.compose("build", timeout=7200)


def in_the_network_of(container, image, *command, check=True):
    """Runs a command of another image as if from inside a container, which has no shell of its own."""
    return docker("run", "--rm", "--network", f"container:{container}", "--entrypoint", command[0], image, *command[1:], check=check)


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
        base = engine.inspect("image", BASE)["Size"]
        for service in OURS:
            size = engine.inspect("image", RELEASE.container(service)["Image"])["Size"]
            print(f"\n  {service}: {size / 1e6:.1f} MB, of which ours {(size - base) / 1e6:.1f} MB", end="")
            self.assertLess((size - base) / 1e6, OUR_LAYERS_MB, service)
            self.assertLess(size / 1e6, WHOLE_MB, service)

    def test_a_change_in_one_service_builds_nothing_of_the_others(self):
        def images():
            return {service: engine.inspect("image", f"scrutin-test/{service}:latest")["Id"] for service in ["worker", "result"]}

        before = images()
        with open(CLONE / "vote/src/lib.rs", "a") as file:
            file.write("// A change.\n")
        RELEASE.compose("build", "worker", "result")
        self.assertEqual(images(), before)
        said = engine.run("docker", "build", "--progress=plain", "--target=dependencies", "--file=vote/Dockerfile", ".", cwd=CLONE).stderr
        step = re.search(r"^#(\d+) \[dependencies \d/\d\] RUN ", said, re.MULTILINE).group(1)
        self.assertIn(f"\n#{step} CACHED\n", said, "the dependencies of vote itself are not built again either")

    def test_redis_writes_before_it_answers_and_drops_nothing(self):
        for setting, value in [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")]:
            said = RELEASE.compose("exec", "-T", "redis", "redis-cli", "config", "get", setting).stdout.split()
            self.assertEqual(said, [setting, value])

    def test_the_port_of_the_proxy_can_be_moved(self):
        moved = engine.run("docker", "compose", *RELEASE.files, "config", "--format", "json", cwd=CLONE,
                           env={**ENVIRONMENT, "HTTP_PORT": "8088"}).stdout
        services = json.loads(moved)["services"]
        self.assertEqual([port["published"] for port in services["proxy"]["ports"]], ["8088"])
        self.assertEqual(services["vote"]["environment"]["RESULT_URL"], "http://result.localhost:8088")

    def test_the_release_insists_on_secrets(self):
        for name in ["SECRET_KEY", "ORGANISER_TOKEN"]:
            without = {key: value for key, value in ENVIRONMENT.items() if key != name}
            tried = engine.run("docker", "compose", *RELEASE.files, "config", cwd=CLONE, env=without, check=False)
            self.assertNotEqual(tried.returncode, 0)
            self.assertIn(name, tried.stderr)

    def test_all_images_are_built_for_both_architectures_under_a_prefix(self):
        printed = engine.run("docker", "buildx", "bake", "--print", cwd=CLONE, env={**ENVIRONMENT, "REGISTRY": "me"}).stdout
        targets = json.loads(printed)["target"]
        self.assertEqual(targets.keys(), {*OURS, "proxy"})
        for name, target in targets.items():
            self.assertEqual(target["platforms"], ["linux/amd64", "linux/arm64"])
            self.assertEqual(target["tags"], [f"me/{name}:0.1.0", f"me/{name}:latest"])
            self.assertEqual(target.get("target"), None if name == "proxy" else "release")


class Reach(unittest.TestCase):
    """Who can reach whom."""

    def test_from_this_machine_only_vote_result_and_the_proxy_can_be_reached(self):
        published = {}
        for service, container in RELEASE.containers().items():
            for bindings in container["NetworkSettings"]["Ports"].values():
                for binding in bindings or []:
                    published.setdefault(service, set()).add(int(binding["HostPort"]))
        self.assertEqual(published, {"proxy": {PROXY}, "vote": {VOTE}, "result": {RESULT}})
        for port in [5432, 6379, 9090]:
            with self.assertRaises(ConnectionRefusedError, msg=f"something answers at port {port} of this machine"):
                socket.create_connection(("127.0.0.1", port), timeout=3).close()

    def test_redis_and_db_can_be_reached_by_all_other_containers(self):
        containers = RELEASE.containers()
        for service in SERVICES:
            id = containers[service]["Id"]
            if service != "redis":
                answer = in_the_network_of(id, "redis:alpine", "redis-cli", "-h", "redis", "ping").stdout
                self.assertEqual(answer.strip(), "PONG", service)
            if service != "db":
                in_the_network_of(id, containers["db"]["Config"]["Image"], "pg_isready", "-h", "db")

    def test_the_proxy_stands_in_the_frontend_network_only(self):
        networks = {service: set(container["NetworkSettings"]["Networks"]) for service, container in RELEASE.containers().items()}
        self.assertEqual(networks["proxy"], {f"{stack.PROJECT}_frontend"})
        self.assertEqual(networks["worker"], {f"{stack.PROJECT}_backend"})

    def test_both_hosts_are_served_and_no_other(self):
        for host in ["vote.votes.fr", "vote.localhost"]:
            self.assertIn('name="vote"', ask(PROXY, host=host).text)
        for host in ["results.votes.fr", "result.localhost"]:
            answer = ask(PROXY, host=host)
            self.assertEqual(answer.status, 200)
            self.assertNotIn('name="vote"', answer.text)
        self.assertEqual(ask(PROXY, host="votes.example").status, 421)

    def test_a_browser_may_vote_from_every_name_and_from_nowhere_else(self):
        for host, port in [("vote.votes.fr", PROXY), ("vote.localhost", PROXY), (f"localhost:{VOTE}", VOTE)]:
            answer = ask(port, host=host, method="POST", body="vote=a",
                         headers={"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
            self.assertEqual(answer.status, 303, host)
        foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        self.assertEqual(ask(PROXY, host="vote.votes.fr", method="POST", body="vote=a", headers=foreign).status, 403)

    def test_a_vote_through_the_proxy_is_seen_by_a_screen_through_the_proxy(self):
        with Screen(PROXY, "results.votes.fr") as screen, Screen(PROXY, "result.localhost", origin="http://vote.votes.fr") as other:
            before = screen.scores(lambda scores: True)
            self.assertEqual(stack.vote("b").status, 303)
            for watching in [screen, other]:
                watching.scores(lambda scores: scores["b"] == before["b"] + 1)
            self.assertEqual(screen.events[0][0], "message")

    def test_a_page_from_elsewhere_may_not_watch(self):
        with self.assertRaises(ConnectionRefusedError):
            Screen(PROXY, "results.votes.fr", origin="http://evil.example")

    def test_long_polling_passes_the_proxy_too(self):
        answer = ask(PROXY, "/socket.io/?EIO=4&transport=polling", host="results.votes.fr")
        self.assertEqual((answer.status, answer.text[:1]), (200, "0"))


class Evening(unittest.TestCase):
    """What happens to the votes."""

    def test_nothing_is_lost_when_each_container_is_killed_under_votes(self):
        before = self.settled()
        with Flow(VOTE) as direct, Flow(PROXY) as flow:
            for service in ["worker", "vote", "result", "proxy", "redis", "db"]:
                id = RELEASE.container(service)["Id"]
                flow.wait_for_attempts(20)
                docker("kill", id)
                flow.wait_for_attempts(20)
                docker("start", id)
                RELEASE.wait_healthy(*SERVICES)
                direct.wait_for_acknowledged(10)
                flow.wait_for_acknowledged(10)
        self.check(before, flow, direct)

    def test_what_ends_by_itself_is_started_again(self):
        before = self.settled()
        with Flow(VOTE) as flow:
            for service in SERVICES:
                container = RELEASE.container(service)
                # `docker kill` would count as an operator's wish; the process dies by itself, as if of hunger.
                docker("run", "--rm", "--privileged", "--pid", "host", "--entrypoint", "sh", "redis:alpine",
                       "-c", f"kill -9 {container['State']['Pid']}")
                wait(f"{service} to be started again", lambda: RELEASE.container(service)["RestartCount"] > container["RestartCount"])
                RELEASE.wait_healthy(*SERVICES)
        self.check(before, flow)

    def test_votes_wait_while_nobody_counts(self):
        before = self.settled()
        RELEASE.compose("stop", "worker", "db")
        with Flow(VOTE) as flow:
            flow.wait_for_attempts(50)
        self.assertEqual(flow.unknown, {"a": 0, "b": 0}, "voting went on")
        RELEASE.compose("up", "--detach", "--wait")
        self.check(before, flow)

    def test_without_redis_voters_are_told_so_and_results_stay_up(self):
        RELEASE.compose("stop", "redis")
        answer = stack.vote("a", timeout=5)
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer.headers["Retry-After"])
        self.assertEqual(stack.tally()["poll"], "main")
        RELEASE.compose("up", "--detach", "--wait")
        wait("voting", lambda: stack.vote("a").status == 303)

    def test_a_recreated_container_is_found_at_its_new_address(self):
        old = RELEASE.container("vote")
        networks = old["NetworkSettings"]["Networks"]
        docker("rm", "--force", "vote")
        # Others take its addresses meanwhile.
        squatters = [docker("run", "--detach", "--rm", "--network", name, "--entrypoint", "sleep", "redis:alpine", "600").stdout.strip()
                     for name in networks]
        try:
            RELEASE.compose("up", "--detach", "--wait", "vote")
            new = RELEASE.container("vote")["NetworkSettings"]["Networks"]
            frontend = f"{stack.PROJECT}_frontend"
            self.assertNotEqual(new[frontend]["IPAddress"], networks[frontend]["IPAddress"])
            wait("a vote through the proxy", lambda: stack.vote("a").status == 303, seconds=10)
        finally:
            docker("rm", "--force", *squatters)

    def test_a_dump_of_the_database_is_restored_and_the_log_catches_up(self):
        # As docs/operations.md says.
        db = ["exec", "-T", "db"]
        before = self.settled()
        with Flow(VOTE) as early:
            early.wait_for_attempts(30)
        self.check(before, early)
        dump = RELEASE.compose(*db, "pg_dump", "-U", "postgres", "--clean", "--if-exists", "postgres").stdout
        middle = self.settled()
        with Flow(VOTE) as late:
            late.wait_for_attempts(30)
        self.check(middle, late)
        RELEASE.compose("stop", "worker", "result")
        RELEASE.compose(*db, "psql", "-qU", "postgres", "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        RELEASE.compose(*db, "psql", "-qv", "ON_ERROR_STOP=1", "-U", "postgres", "postgres", input=dump)
        RELEASE.compose("start", "worker", "result")
        self.check(middle, late)

    def test_it_stops_cleanly_within_its_grace_time(self):
        with Flow(VOTE) as flow:
            flow.wait_for_attempts(20)
            RELEASE.compose("stop")
        for service, container in RELEASE.containers().items():
            self.assertEqual(container["State"]["ExitCode"], 0, service)
            self.assertFalse(container["State"]["OOMKilled"])

    def test_down_and_up_keep_every_vote(self):
        RELEASE.compose("up", "--detach", "--wait")
        self.settled()
        before = stack.tally()
        RELEASE.compose("down")
        self.assertEqual(RELEASE.containers(), {})
        RELEASE.compose("up", "--detach", "--wait")
        after = stack.tally()
        self.assertEqual((after["votes"], after["voters"]), (before["votes"], before["voters"]))
        self.assertGreater(after["voters"], 100, "there was something to keep")
        self.assertEqual(stack.vote("a").status, 303)

    def test_in_the_end_the_ballots_are_what_the_tallies_say(self):
        self.settled()
        said = RELEASE.compose("exec", "-T", "worker", "/app/worker", "recount")
        print("\n" + said.stdout, end="")

    def settled(self):
        """The tally once everything accepted is counted."""
        wait("everything to be counted", lambda: self.lag() == 0)
        return stack.tally()["votes"]

    @staticmethod
    def lag():
        accepted = ask(VOTE, "/api/polls/main").json()["accepted"]
        return accepted - stack.tally(port=RESULT, host="localhost")["counted"]

    def check(self, before, *flows):
        """The promise: what was acknowledged is counted once; what has no answer is counted once or not."""
        after = self.settled()
        for choice in ["a", "b"]:
            new = after[choice] - before[choice]
            acknowledged = sum(flow.acknowledged[choice] for flow in flows)
            unknown = sum(flow.unknown[choice] for flow in flows)
            self.assertGreater(acknowledged, 0)
            self.assertLessEqual(acknowledged, new, f"votes for {choice} were lost")
            self.assertLessEqual(new, acknowledged + unknown, f"votes for {choice} were counted twice")


load_tests = stack.in_order(Shape, Reach, Evening)

if __name__ == "__main__":
    unittest.main()
