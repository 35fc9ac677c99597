"""The stack under test: a clone that may be edited, brought up by Compose as a project of its own. Asserts nothing.

`scripts/test-stack` makes the clone and says where it is.
"""

import json
import os
import pathlib
import unittest

import engine
from engine import Answer, ask, docker, run, wait

CLONE = pathlib.Path(os.environ.get("SCRUTIN_TEST_CLONE", "/nonexistent"))
PROJECT = "scrutin-test"
SERVICES = ["proxy", "vote", "result", "worker", "redis", "db"]
OURS = ["vote", "result", "worker"]
# The ports of this machine, as the brief has them.
PROXY, VOTE, RESULT = 80, 8080, 8081
TOKEN = "a-token-for-the-tests"
ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "POSTGRES_VERSION", "DOCKER_HOST", "RUST_IMAGE", "RUNTIME_IMAGE", "NGINX_IMAGE")
    },
    "COMPOSE_PROJECT_NAME": PROJECT,
    "REGISTRY": "scrutin-test",
    "SECRET_KEY": "a-secret-for-the-tests-of-the-stack",
    "ORGANISER_TOKEN": TOKEN,
    "REDIS_PASSWORD": "a-password-of-redis-for-the-tests",
    "POSTGRES_PASSWORD": "a-password-of-postgres-for-the-tests",
    # The release insists on these. The development stack would say the same by itself.
    "VOTE_URL": "http://vote.localhost",
    "RESULT_URL": "http://result.localhost",
}


class Stack:
    def __init__(self, *files, settings=()):
        self.files = [part for file in files for part in ("--file", file)]
        self.files += [part for file in settings for part in ("--env-file", file)]

    def compose(self, *arguments, timeout=3600, **options):
        return run("docker", "compose", *self.files, *arguments, cwd=CLONE, env=ENVIRONMENT, timeout=timeout, **options)

    def up(self, *services):
        """Brings these up, or all. Not by `up --wait`, which gives up at once on a container that is unhealthy still
        because of what went before."""
        self.compose("up", "--detach", *services)
        self.wait_healthy(*(services or SERVICES))

    def containers(self):
        """service → its container, as `docker inspect` shows it."""
        ids = self.compose("ps", "--all", "--quiet").stdout.split()
        found = [engine.inspect("container", id) for id in ids]
        return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in found}

    def container(self, service):
        return self.containers()[service]

    def running(self):
        return {service for service, container in self.containers().items() if container["State"]["Running"]}

    def wait_healthy(self, *services, seconds=120):
        def healthy():
            states = {service: c["State"].get("Health", {}).get("Status") for service, c in self.containers().items()}
            assert all(states.get(service) == "healthy" for service in services), states
            return True

        wait(f"{', '.join(services)} to be healthy", healthy, seconds)


DEVELOPMENT = Stack("compose.yaml")
RELEASE = Stack("compose.yaml", "compose.prod.yaml")
CLUSTER = Stack("compose.yaml", "compose.prod.yaml", settings=["cluster.env"])


def refuse_to_disturb():
    """Names and ports are fixed by the brief, so nobody else's stack may run."""
    for name in ["vote", "results"]:
        found = docker("container", "inspect", name, check=False)
        if found.returncode == 0:
            labels = json.loads(found.stdout)[0]["Config"]["Labels"]
            if labels.get("com.docker.compose.project") != PROJECT:
                raise AssertionError(f"a container {name} is here already, and not from this test; stop it first")


def remove():
    """All stacks with their volumes, of which each names some that the others do not."""
    for either in [CLUSTER, RELEASE, DEVELOPMENT]:
        either.compose("down", "--volumes", "--remove-orphans", "--timeout", "30", check=False)


def vote(choice, port=PROXY, host="vote.votes.fr", cookie=None, timeout=10) -> Answer:
    """A form posted by a new voter, or by the one with this cookie."""
    headers = {"Cookie": cookie} if cookie else {}
    return ask(port, host=host, method="POST", body=f"vote={choice}", headers=headers, timeout=timeout)


def tally(port=PROXY, host="results.votes.fr"):
    answer = ask(port, "/api/polls/main/tally", host=host)
    assert answer.status == 200, (answer.status, answer.text)
    return answer.json()


def in_order(*classes):
    """For `load_tests`: the tests in the order in which they are written, since each finds the stack as the one before
    left it."""

    def load_tests(loader, _tests, _pattern):
        suite = unittest.TestSuite()
        for cls in classes:
            names = [name for name in vars(cls) if name.startswith("test")]
            suite.addTests(cls(name) for name in names)
        return suite

    return load_tests
