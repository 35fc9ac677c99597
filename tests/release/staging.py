"""What scripts/release made, as the machines of the tests see it: below /files."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

FILES = pathlib.Path(os.environ["SCRUTIN_RELEASE_FILES"])
ROOT = pathlib.Path(os.environ["SCRUTIN_RELEASE_ROOT"])


def one(pattern):
    (found,) = FILES.glob(pattern)
    return found


def older(package, place):
    """The same package under the number of a version before it."""
    unpacked = place / "unpacked"
    subprocess.run(["dpkg-deb", "--raw-extract", package, unpacked], check=True)
    control = unpacked / "DEBIAN/control"
    text, count = re.subn(r"^Version: .*$", "Version: 0.1.9-1", control.read_text(), flags=re.MULTILINE)
    assert count == 1
    control.write_text(text)
    build = ["dpkg-deb", "-Znone", "--build", unpacked, place / "older.deb"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(unpacked)


def staged():
    """A directory with `new.deb`, `older.deb`, and the archive unpacked as `archive`."""
    place = pathlib.Path(tempfile.mkdtemp())
    place.chmod(0o755)
    shutil.copy(one("*.deb"), place / "new.deb")
    older(place / "new.deb", place)
    (place / "archive").mkdir()
    subprocess.run(
        ["tar", "--extract", "--file", one("*.tar.gz"), "--strip-components=1", "--directory", place / "archive"],
        check=True,
    )
    return place
