"""What holds for every line and every file, whatever its language."""

import re

COLUMNS = 120
LINES = 400

# Languages in which we write programs, styles and templates. The limit of length holds for these.
CODE = (".rs", ".py", ".sh", ".js", ".css", ".html", ".lua", ".sql", ".c")

# The words are put together so that this file does not find itself.
UNDONE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|\b(to" r"do|unimpl" r"emented)!")
OWN_PATH = re.compile(r"/(home|work|Users)/[a-z]+/|/ro" r"ot/")


def too_wide(tree):
    """Lines of more than 120 columns. Three things can't be broken, and may be wider: a row of a table in Markdown, an
    address alone on its line (so is an image by its digest), and JSON, in which a text is one line."""
    for path, text in tree.files():
        if path.endswith(".json"):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > COLUMNS and not _unbreakable(path, line):
                yield f"{path}:{number}: {len(line)} columns; a line has {COLUMNS} at most"


def too_long(tree):
    """Files of code that want another file beside them. Tests are lists of stories, and may be longer."""
    for path, text in tree.product():
        if is_code(path, text) and (lines := text.count("\n")) > LINES:
            yield f"{path}: {lines} lines; a file has {LINES} at most"


def is_code(path, text):
    return path.endswith(CODE) or text.startswith("#!")


def left_undone(tree):
    for path, number, line in _lines(tree):
        if "/tests/" not in path and UNDONE.search(line):
            yield f"{path}:{number}: left undone: {line.strip()}"


def own_path(tree):
    for path, number, line in _lines(tree):
        if OWN_PATH.search(line):
            yield f"{path}:{number}: a path of somebody's machine: {line.strip()}"


def _lines(tree):
    for path, text in tree.files():
        for number, line in enumerate(text.split("\n"), 1):
            yield path, number, line


def _unbreakable(path, line):
    row = path.endswith(".md") and line.lstrip().startswith("|")
    return row or re.fullmatch(r"\W*https?://\S+\W*|(ARG )?\S+@sha256:[0-9a-f]{64}", line.strip())
