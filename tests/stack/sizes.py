"""How large an image is. Asserts nothing."""

import os
import re

import engine
from engine import docker
from stack import CLONE, ENVIRONMENT

# No image is larger than this.
MOST_MB = 32
# What the base of Google's registry takes of it. A stand-in for the base may be larger; then an image counts as what it
# would be on the real one.
BASE_MB = 2.5


def in_use(program):
    """The size of an image of the tests in MB, on the real base."""
    base = _image("RUNTIME_IMAGE")
    if docker("image", "inspect", base, check=False).returncode != 0:
        docker("pull", "--quiet", base, timeout=600)  # a build takes it from its registry without leaving it here
    below = engine.inspect("image", base)["Size"] / 1e6
    size = engine.inspect("image", f"{ENVIRONMENT['REGISTRY']}/{program}:latest")["Size"] / 1e6
    print(f"\n  {program}: {size:.1f} MB, of which ours {size - below:.1f} MB", end="")
    return size - below + min(below, BASE_MB)


def _image(argument):
    """What the images are built on: as the tests were told, else as the Dockerfiles say."""
    found = re.search(rf"^ARG {argument}=(\S+)$", (CLONE / "vote/Dockerfile").read_text(), re.MULTILINE)
    return os.environ.get(argument) or found[1]
