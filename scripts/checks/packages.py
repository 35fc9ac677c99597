"""The packages of the workspace: what their manifests name is used, and the architecture page's table says who knows
whom. A dependency counts as used where its name occurs in code; whether a feature of it is needed, nobody sees here."""

import re
import tomllib

from checks.documents import ARCHITECTURE, table

COMMENT = re.compile(r"//.*")
# They talk to a server or a file, and only the programs that are wired to them may name them.
ADAPTERS = ("log-redis", "ledger-postgres", "ledger-sqlite")
SERVICES = ("vote", "worker", "result")


def unused_dependencies(tree):
    """Dependencies that no source file names, and those of the workspace that no package takes."""
    taken = set()
    for directory, manifest in _manifests(tree):
        for section, below in [("dependencies", ("src/", "build.rs")), ("dev-dependencies", ("src/", "tests/"))]:
            names = set(manifest.get(section, {}))
            taken |= names
            code = _code(tree, directory, below) if names else ""
            for name in sorted(names):
                if not re.search(rf"\b{name.replace('-', '_')}\b", code):
                    yield f"{directory}Cargo.toml: nothing in the package uses `{name}` ({section})"
    workspace = tomllib.loads(tree.texts.get("Cargo.toml", "")).get("workspace", {})
    for name in sorted(set(workspace.get("dependencies", {})) - taken):
        yield f"Cargo.toml: no package takes `{name}`"


def known_packages(tree):
    """The table of the architecture page names every package, and beside it which others of ours it depends on."""
    known = {}
    for row in table(tree.texts.get(ARCHITECTURE, ""), "place"):
        (place,) = re.findall(r"`([^`]+)`", row[0])
        known["" if place == "src" else f"{place}/"] = set(re.findall(r"`([^`]+)`", row[2]))
    manifests = list(_manifests(tree))
    ours = {_alias(directory) for directory, _ in manifests}
    depends = {directory: ours & set(manifest.get("dependencies", {})) for directory, manifest in manifests}
    for directory in sorted(known.keys() | depends.keys()):
        says, has = known.get(directory), depends.get(directory)
        if says != has:
            yield f"{ARCHITECTURE}: {directory or 'src'} knows {_shown(says)}; its manifest says {_shown(has)}"


def adapters_beyond_main(tree):
    """Services reach a log or a ledger through the ports: only their `main.rs`, and its own modules, name an
    adapter."""
    names = re.compile(rf"\b({'|'.join(ADAPTERS).replace('-', '_')})\b")
    for service in SERVICES:
        main = tree.texts.get(f"{service}/src/main.rs", "")
        own = {"main.rs", *(f"{module}.rs" for module in re.findall(r"^mod (\w+);", main, re.MULTILINE))}
        for path, text in tree.product(".rs"):
            if path.startswith(f"{service}/src/") and path.removeprefix(f"{service}/src/") not in own:
                for adapter in sorted(set(names.findall(COMMENT.sub("", text)))):
                    yield f"{path}: names the adapter {adapter}, which only main.rs may"


def _shown(names):
    return "of no such package" if names is None else ", ".join(sorted(names)) or "nothing"


def _manifests(tree):
    """Each package's directory (with a slash at the end, or empty) and its manifest."""
    for path, text in tree.texts.items():
        if (path == "Cargo.toml" or path.endswith("/Cargo.toml")) and "[package]" in text:
            yield path.removesuffix("Cargo.toml"), tomllib.loads(text)


def _code(tree, directory, below):
    files = (text for path, text in tree.texts.items() if _is_of(path, directory, below))
    return COMMENT.sub("", "\n".join(files))


def _is_of(path, directory, below):
    in_package = path.startswith(directory) and path.removeprefix(directory).startswith(below)
    return path.endswith(".rs") and (in_package or path.startswith(f"{directory}fuzz_targets/") and directory != "")


def _alias(directory):
    return directory.rstrip("/").rsplit("/", 1)[-1]
