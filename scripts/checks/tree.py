"""The text files of the repository, read once. Knows nothing of the checks."""

import pathlib
import subprocess

# What others wrote, or an earlier release: it is kept byte by byte, and no rule of ours holds for it.
FOREIGN = ("tests/data/", "fuzz/corpus/", "fuzz/Cargo.lock", "Cargo.lock", "tests/accessibility/package-lock.json")
OLD_RELEASE = "-0.1.0/"

# Where a file says, in its name, that it is test code.
TEST_DIRECTORIES = ("tests/", "fuzz/")


class Tree:
    """Paths and their texts. Binary files and links are left out."""

    def __init__(self, texts, paths=()):
        self.texts = texts
        self.paths = {*texts, *paths}

    @classmethod
    def read(cls, root):
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, stdout=subprocess.PIPE,
        )
        paths = [path for path in listed.stdout.decode().split("\0") if path and pathlib.Path(root, path).exists()]
        return cls({path: text for path in paths if (text := _text(root, path)) is not None}, paths)

    def files(self, *endings):
        """Our own files whose path ends so, with their texts; all of ours without an ending."""
        for path, text in self.texts.items():
            if not is_foreign(path) and (not endings or path.endswith(endings)):
                yield path, text

    def product(self, *endings):
        """The same without test code."""
        return ((path, text) for path, text in self.files(*endings) if not is_test(path))

    def exists(self, path):
        """Whether there is such a file or directory."""
        directory = path.rstrip("/") + "/"
        return path in self.paths or any(each.startswith(directory) for each in self.paths)


def is_foreign(path):
    return path.startswith(FOREIGN) or OLD_RELEASE in path


def is_test(path):
    name = path.rsplit("/", 1)[-1]
    in_tests = path.startswith(TEST_DIRECTORIES) or "/tests/" in path
    return in_tests or name in ("tests.rs", "test.rs") or name.startswith("test_")


def _text(root, path):
    file = pathlib.Path(root, path)
    if file.is_symlink() or not file.is_file():
        return None
    content = file.read_bytes()
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
