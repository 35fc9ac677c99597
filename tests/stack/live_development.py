"""The development stack (compose.yaml), row by row of the brief, against the running containers."""

import re
import unittest

import engine
import stack
from engine import ask, wait
from stack import CLONE, DEVELOPMENT, PROXY, RESULT, VOTE


def setUpModule():
    stack.refuse_to_disturb()
    stack.remove()
    unittest.addModuleCleanup(stack.remove)
    DEVELOPMENT.compose("build")


def edit(path, old, new):
    file = CLONE / path
    text = file.read_text()
    if old not in text:
        raise AssertionError(f"{path} has no {old!r} (any more)")
    file.write_text(text.replace(old, new, 1))


def as_written(command, check=False):
    """Runs a command of the page on the brief; the project has another name here."""
    here = command.replace("scrutin_", f"{stack.PROJECT}_")
    return engine.run("bash", "-ec", here, cwd=CLONE, env=stack.ENVIRONMENT, check=check, timeout=600, errors="replace")


def identities():
    """What would change if something were built or created anew."""
    return {service: (container["Id"], container["Image"]) for service, container in DEVELOPMENT.containers().items()}


class DevelopmentStack(unittest.TestCase):
    def test_asking_for_vote_brings_all_that_it_needs(self):
        DEVELOPMENT.compose("up", "--detach", "--wait", "vote")
        self.assertEqual(DEVELOPMENT.running(), {"vote", "proxy", "worker", "redis", "db"})
        ask(VOTE)  # at once: healthy means that there is a server
        wait("a ballot", lambda: stack.vote("a").status == 303)

    def test_asking_for_result_brings_all_that_it_needs(self):
        DEVELOPMENT.compose("down")
        DEVELOPMENT.compose("up", "--detach", "--wait", "result")
        self.assertEqual(DEVELOPMENT.running(), {"result", "proxy", "worker", "redis", "db"})
        wait("the ballot in the result", lambda: stack.tally()["votes"]["a"] >= 1)

    def test_everything_comes_up_and_is_healthy(self):
        DEVELOPMENT.compose("up", "--detach", "--wait")
        self.assertEqual(DEVELOPMENT.running(), set(stack.SERVICES))
        DEVELOPMENT.wait_healthy(*stack.SERVICES)

    def test_the_containers_of_vote_and_result_are_called_vote_and_results(self):
        names = {service: container["Name"] for service, container in DEVELOPMENT.containers().items()}
        self.assertEqual((names["vote"], names["result"]), ("/vote", "/results"))

    def test_images_are_those_of_the_brief(self):
        images = {service: container["Config"]["Image"] for service, container in DEVELOPMENT.containers().items()}
        self.assertEqual(images["redis"], "redis:alpine")
        self.assertRegex(images["db"], r"^postgres:")
        config = (CLONE / "compose.yaml").read_text()
        self.assertIn("image: postgres:${POSTGRES_VERSION:-9.4}", config)
        ours = [(service, f"dockerfile: {service}/Dockerfile") for service in stack.OURS]
        for service, build in [("proxy", "context: ./proxy"), *ours]:
            self.assertIn(build, config, service)

    def test_the_pages_are_served_at_the_ports_of_the_brief(self):
        self.assertIn('name="vote"', ask(VOTE).text)
        self.assertEqual(ask(RESULT).status, 200)
        self.assertIn('name="vote"', ask(PROXY, host="vote.votes.fr").text)
        self.assertNotIn('name="vote"', ask(PROXY, host="results.votes.fr").text)

    def test_the_sources_are_at_app_from_outside(self):
        for service in ["vote", "result"]:
            mounts = {m["Destination"]: m for m in DEVELOPMENT.container(service)["Mounts"]}
            self.assertEqual((mounts["/app"]["Type"], mounts["/app"]["Source"]), ("bind", str(CLONE)))
            path = f"{service}/src/main.rs"
            seen = DEVELOPMENT.compose("exec", "-T", service, "cat", f"/app/{path}").stdout
            self.assertEqual(seen, (CLONE / path).read_text())

    def test_data_is_on_volumes(self):
        for service, place in [("redis", "/data"), ("db", "/var/lib/postgresql/data")]:
            mounts = {m["Destination"]: m for m in DEVELOPMENT.container(service)["Mounts"]}
            self.assertEqual((mounts[place]["Type"], mounts[place]["Name"]), ("volume", f"{stack.PROJECT}_{service}"))

    def test_every_command_of_the_page_on_the_brief_works_as_written(self):
        page = (CLONE / "docs/sujet.md").read_text()
        rows = page[page.index("## Compose"):page.index("## Kubernetes")]
        commands = re.findall(r"\| `([^`]+)` \|$", rows, re.MULTILINE)
        self.assertGreaterEqual(len(commands), 20)
        for command in commands:
            with self.subTest(command=command):
                done = as_written(command)
                # 28: curl was told to hang up on the WebSocket after a moment.
                self.assertIn(done.returncode, [0, 28] if "websocket" in command else [0], done.stdout + done.stderr)
                self.assertTrue(done.stdout or done.stderr)
                if "curl" in command:
                    status = "101" if "websocket" in command else "421" if "ailleurs" in command else None
                    self.assertIn(f"HTTP/1.1 {status}" if status else 'name="vote"', done.stdout)

    def test_every_command_below_the_table_that_ends_and_changes_nothing_works_as_written(self):
        page = (CLONE / "docs/sujet.md").read_text()
        below = page[page.index("Et pour l'ensemble"):page.index("## Kubernetes")]
        commands = re.findall(r"`(docker (?:compose exec|compose ps|run) [^`]+)`", below)
        said = [as_written(command, check=True).stdout for command in commands]
        self.assertEqual(len(said), 3, commands)
        for output, word in zip(said, ["main.rs", f":{VOTE}->80/tcp", "PONG"]):
            self.assertIn(word, output)

    def test_redis_and_db_are_watched_by_the_scripts_of_the_brief(self):
        for service, script in [("redis", "redis.sh"), ("db", "postgres.sh")]:
            container = DEVELOPMENT.container(service)
            self.assertEqual(container["Config"]["Healthcheck"]["Test"], ["CMD", f"/healthchecks/{script}"])
            mounts = {m["Destination"]: m["Source"] for m in container["Mounts"]}
            self.assertEqual(mounts["/healthchecks"], str(CLONE / "healthchecks"))

    def test_the_health_of_redis_needs_the_file_that_holds_the_votes(self):
        check = ["exec", "-T", "redis", "/healthchecks/redis.sh"]
        DEVELOPMENT.compose(*check)
        DEVELOPMENT.compose("exec", "-T", "redis", "redis-cli", "config", "set", "appendonly", "no")
        self.assertNotEqual(DEVELOPMENT.compose(*check, check=False).returncode, 0)
        DEVELOPMENT.compose("exec", "-T", "redis", "redis-cli", "config", "set", "appendonly", "yes")
        DEVELOPMENT.compose(*check)

    def test_the_health_of_the_database_needs_an_answer(self):
        check = ["exec", "-T", "db", "/healthchecks/postgres.sh"]
        DEVELOPMENT.compose(*check)
        wrong = ["exec", "-T", "-e", "POSTGRES_PASSWORD=wrong", "db", "/healthchecks/postgres.sh"]
        if DEVELOPMENT.compose(*wrong, check=False).returncode == 0:
            # The image trusts its own machine; then a database that is not there shows it.
            wrong = ["exec", "-T", "-e", "POSTGRES_DB=nowhere", "db", "/healthchecks/postgres.sh"]
            self.assertNotEqual(DEVELOPMENT.compose(*wrong, check=False).returncode, 0)

    def test_a_template_takes_effect_at_the_next_request(self):
        before = identities()
        for service, port, template in [("vote", VOTE, "vote.html"), ("result", RESULT, "live.html")]:
            mark = f"<!-- edited in {service} -->"
            self.assertNotIn(mark, ask(port).text)
            edit(f"{service}/templates/{template}", "{% block content %}", "{% block content %}" + mark)
            self.assertIn(mark, ask(port).text)
        self.assertEqual(identities(), before)

    def test_a_static_file_takes_effect_at_the_next_request(self):
        before = identities()
        address = re.search(r'href="(/static/vote\.css[^"]*)"', ask(VOTE).text).group(1)
        with open(CLONE / "vote/static/vote.css", "a") as file:
            file.write(".edited { top: 0; }\n")  # not a comment, which is not sent
        self.assertIn(".edited { top: 0; }", ask(VOTE, address).text)
        self.assertNotIn(
            address, ask(VOTE).text, "a changed file has another address, so that no browser keeps the old one"
        )
        self.assertEqual(identities(), before)

    def test_a_line_of_rust_takes_effect_without_an_image(self):
        before = identities()
        edit("vote/src/look.rs", "LONG_QUESTION_CHARS: usize = 120", "LONG_QUESTION_CHARS: usize = 1")
        wait("the new page of vote", lambda: 'dir="auto" class="long"' in ask(VOTE).text, seconds=300, pause=1)
        self.assertEqual(identities(), before)
        DEVELOPMENT.wait_healthy("vote")

    def test_a_text_takes_effect_without_an_image(self):
        before = identities()
        edit("vote/texts/en.toml", '"Choose one option."', '"Choose one option, edited."')
        edit("vote/texts/en.toml", '"Tap an answer to vote."', '"Tap an answer to vote, edited."')
        edit("result/texts/en.toml", '"Voting is open"', '"Voting is open, edited"')
        wait("the new text of vote", lambda: "edited." in ask(VOTE).text, seconds=300, pause=1)
        wait("the new text of result", lambda: "open, edited" in ask(RESULT).text, seconds=300, pause=1)
        self.assertEqual(identities(), before)
        DEVELOPMENT.wait_healthy("vote", "result")

    def test_a_line_that_does_not_compile_leaves_the_running_program_alone(self):
        edit("vote/src/look.rs", "const LONG", "this is no Rust\nconst LONG")
        wait("Cargo to say so", lambda: "vote can not be built" in self.logs("vote"), seconds=300, pause=1)
        self.assertIn("edited.", ask(VOTE).text)
        edit("vote/src/look.rs", "this is no Rust\n", "")
        edit("vote/texts/en.toml", "edited.", "edited again.")
        edit("vote/texts/en.toml", "edited.", "edited again.")
        wait("the next change", lambda: "edited again." in ask(VOTE).text, seconds=300, pause=1)

    @staticmethod
    def logs(service):
        return DEVELOPMENT.compose("logs", "--no-color", service).stdout

    def test_it_stops_cleanly_within_its_grace_time(self):
        DEVELOPMENT.compose("stop")
        for service, container in DEVELOPMENT.containers().items():
            self.assertEqual(container["State"]["ExitCode"], 0, service)


load_tests = stack.in_order(DevelopmentStack)

if __name__ == "__main__":
    unittest.main()
