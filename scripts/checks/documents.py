"""What documents state, held against the tree."""

import posixpath
import re

OPERATIONS = "docs/operations.md"
ARCHITECTURE = "docs/architecture.md"

# Paths that documents name: in back quotes, below a directory of ours, without a placeholder.
ROOMS = "crates|vote|result|worker|src|docs|scripts|tests|bench|crowd|chaos|k8s|proxy|fuzz"
PATH = re.compile(rf"`((?:{ROOMS})/[\w./-]*\w/?)`")
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

# Names of tests, in documents that rest on them.
EVIDENCE = "docs/accessibility.md"
NAMED_TEST = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){2,})`")
CRITERION = re.compile(r"^(\d+\.\d+\.\d+)\b")
CRITERIA = 55  # of WCAG 2.2, levels A and AA

EVENT_AT_START = re.compile(r'"([a-z]+\.[a-z_]+): ')
EVENT_FIELD = re.compile(r'\bevent = "([a-z]+\.[a-z_]+)"')

METRIC = re.compile(r'"(scrutin_\w+)" (Counter|Gauge|Histogram)\b')
METRIC_USED = re.compile(r"\b(scrutin_[a-z]+_[a-z_]+?)(_bucket|_sum|_count)?\b")


def missing_paths(tree):
    """Files and directories that a document names and that are not there."""
    for path, text in tree.files(".md"):
        here = path.rsplit("/", 1)[0] + "/" if "/" in path else ""
        for name in sorted(set(PATH.findall(text))):
            if not tree.exists(name):
                yield f"{path}: `{name}` does not exist"
        for link, anchor in sorted(set(LINK.findall(text))):
            target = posixpath.normpath(here + link) if link else path
            if not tree.exists(target):
                yield f"{path}: the link to {link} leads nowhere"
            elif anchor and anchor not in _anchors(tree.texts.get(target, "")):
                yield f"{path}: {target} has no heading #{anchor}"


def evidence(tree):
    """The page on accessibility has each criterion once, and names only tests that there are."""
    page = tree.texts.get(EVIDENCE)
    if page is None:
        return
    code = "\n".join(text for _, text in tree.files(".rs"))
    for name in sorted(set(NAMED_TEST.findall(page))):
        if f"fn {name}(" not in code:
            yield f"{EVIDENCE}: there is no test {name}"
    listed = [match[1] for row in table(page, "criterion") if (match := CRITERION.match(row[0]))]
    if len(set(listed)) != CRITERIA or len(listed) != CRITERIA:
        yield f"{EVIDENCE}: {len(set(listed))} of {CRITERIA} criteria, in {len(listed)} rows"


def events(tree):
    """The names of lines of the log: each that the programs write is in the operations page's table, and the
    reverse."""
    page = tree.texts.get(OPERATIONS, "")
    named, written = set(), {}
    for row in table(page, "line"):
        named.update(re.findall(r"`([a-z]+\.[a-z_]+)`", row[0]))
    for path, text in tree.product(".rs"):
        for name in EVENT_AT_START.findall(text):
            yield f"{path}: `{name}` is the name of an event: it goes into the field `event`"
        for name in EVENT_FIELD.findall(text):
            written.setdefault(name, path)
    for name in sorted(written.keys() - named):
        yield f"{OPERATIONS}: what does `{name}` ask for, which {written[name]} writes to the log?"
    code = "\n".join(text for _, text in tree.product(".rs"))
    for name in sorted(named - written.keys()):
        if f'"{name}' not in code:
            yield f"{OPERATIONS}: no program writes `{name}` to the log"


def metrics(tree):
    """Metrics that alerts, the dashboard, documents and scripts speak of are in the programs' list."""
    (text,) = [text for path, text in tree.product(".rs") if path.endswith("/metric_list.rs")] or [""]
    listed = dict(METRIC.findall(text))
    for path, text in tree.product():
        if path.endswith(".rs"):
            continue
        for name, part in sorted(set(METRIC_USED.findall(text))):
            kind = listed.get(name)
            if kind is None or bool(part) != (kind == "Histogram") and not path.endswith(".md"):
                yield f"{path}: no program has the metric {name}{part}"


def decisions(tree):
    """Every record of a decision is in the table of the architecture page, under its own title, and the reverse."""
    titles = {}
    for path, text in tree.files(".md"):
        if path.startswith("docs/adr/"):
            number, title = text.split("\n", 1)[0].removeprefix("# ").split(". ", 1)
            titles[f"[{number}]({path.removeprefix('docs/')})"] = title
    listed = {row[0]: row[1] for row in table(tree.texts.get(ARCHITECTURE, ""), "decision")}
    for key in sorted(listed.keys() | titles.keys()):
        if listed.get(key) != titles.get(key):
            yield f"{ARCHITECTURE}: decision {key}: the table says {listed.get(key)}, the record {titles.get(key)}"


def table(page, first):
    """The rows of the table whose first column is called so, each a list of cells."""
    rows = iter(page.split("\n"))
    for line in rows:
        if line.startswith("|") and _cells(line)[0] == first:
            next(rows, None)
            for row in rows:
                if not row.startswith("|"):
                    return
                yield _cells(row)


def _cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _anchors(text):
    """The headings of a document as GitHub makes addresses of them."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}
