"""The release stack, built once and shared by the modules `live_release_…`, which run in one process. Asserts
nothing."""

import atexit
import functools

import engine
import stack
from engine import docker
from stack import CLONE, ENVIRONMENT


@functools.cache
def build():
    """The images of the stack and its crowd, once."""
    stack.refuse_to_disturb()
    stack.remove()
    atexit.register(stack.remove)
    bake(*stack.OURS, "crowd", "proxy")


def bake(*targets, **settings):
    """These images, as docs/operations.md says for one machine, under the names that Compose looks for. Without
    attestations, which hold the time of the build: an image that has not changed keeps its id."""
    engine.run("docker", "buildx", "bake", "--load", *targets, cwd=CLONE, timeout=7200,
               env={**ENVIRONMENT, "LOCAL": "1", "TAG": "latest", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", **settings})


def in_the_network_of(container, image, *command, check=True):
    """Runs a command of another image as if from inside a container, which has no shell of its own."""
    return docker(
        "run",
        "--rm",
        "--network",
        f"container:{container}",
        "--entrypoint",
        command[0],
        image,
        *command[1:],
        check=check,
    )


class Visitor:
    """A container of the frontend network, with an address of its own."""

    def __enter__(self):
        self.id = docker("run", "--detach", "--rm", "--network", f"{stack.PROJECT}_frontend", "--entrypoint", "sleep",
                         "scrutin-test/proxy:latest", "600").stdout.strip()
        return self

    def __exit__(self, *_):
        docker("rm", "--force", self.id)

    def guess(self, vote_url, forwarded_for="198.51.100.1"):
        """The status that a wrong organiser's token is answered with."""
        return docker("exec", self.id, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-d", "{}",
                      "-H", "Content-Type: application/json", "-H", "Authorization: Bearer not-the-organisers-token",
                      "-H", f"X-Forwarded-For: {forwarded_for}", f"{vote_url}/api/polls").stdout
