"""Names in Rust: a type's name means one thing in the whole workspace, and a test's name can be read at once."""

import collections
import re

# Names that every Rust program has, and nobody mistakes.
CONVENTIONAL = {"Settings", "Config", "App", "Error", "Command"}

TEST_NAME = 70

TYPE = re.compile(r"^\s*pub(?:\([^)]*\))? +(?:struct|enum|trait|type|union) +(\w+)", re.MULTILINE)
TEST = re.compile(r"^ *#\[(?:tokio::)?test\b[^\n]*\n(?: *#\[[^\n]*\n)* *(?:async )?fn (\w+)", re.MULTILINE)


def repeated_types(tree):
    """Types that others can see and that share their name with another. Tests may call theirs as they like."""
    places = collections.defaultdict(set)
    for path, text in tree.product(".rs"):
        for name in TYPE.findall(text):
            places[name].add(path)
    for name, paths in sorted(places.items()):
        if len(paths) > 1 and name not in CONVENTIONAL:
            yield from (f"{name}: one of {len(paths)} types of this name is in {path}" for path in sorted(paths))


def long_test_names(tree):
    for path, text in tree.files(".rs"):
        for name in TEST.findall(text):
            if len(name) > TEST_NAME:
                yield f"{path}: {name}: {len(name)} characters; a test's name has {TEST_NAME} at most"
