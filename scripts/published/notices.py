"""The licences of all crates that are built into the programs, as one text.

    notices.py SOURCES SBOM    the directory of the workspace, and the bill of materials; writes to standard output

The texts are the files that the crates bring: all of them, of each licence that a crate offers. Those that are the same
but for white space are written once. A crate without any has the usual text of its licence; if there is none here, that
is an error.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

HEAD = """\
What Scrutin is made of, and under which licences. Scrutin itself is under the MIT licence (LICENSE).

The programs are built with the standard library of Rust (MIT or Apache-2.0, https://www.rust-lang.org), and with the
crates below. Some bring a library in C: libsqlite3-sys has SQLite, which is in the public domain, libmimalloc-sys has
mimalloc (MIT), and ring has code of BoringSSL.
"""
LINE = "-" * 80
NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
# Below src there may be modules of such names.
DEPTH = ["*", "c_src/*/*"]
FREE = "Its authors have waived their rights, as far as the law allows.\n"

Crate = collections.namedtuple("Crate", "name version licence folder")


def text_files(folder):
    found = {path for pattern in DEPTH for path in folder.glob(pattern) if NAMES.match(path.name) and path.is_file()}
    return sorted(path for path in found if path.suffix not in (".rs", ".c", ".h", ".toml", ".py"))


def crates_of(bill, metadata):
    """The crates of a bill that are not ours, with the folders they were built from."""
    wanted = {(each["name"], each["version"]) for each in bill["components"] if "hashes" in each}
    for package in metadata["packages"]:
        if (package["name"], package["version"]) in wanted:
            folder = pathlib.Path(package["manifest_path"]).parent
            yield Crate(package["name"], package["version"], package["license"], folder)


def usual_texts(licence_of_ours, crates):
    """The texts of licences that are the same for everybody: ours, with the authors of the crate in place of ours, and
    the copy of one of the crates that have it."""
    mit = re.sub(r"^Copyright .*$", "Copyright (c) the authors", licence_of_ours, flags=re.M)
    texts = {"MIT": mit, "CC0-1.0": FREE}
    for crate in crates:
        for path in text_files(crate.folder):
            if path.name == "LICENSE-APACHE" and "Apache-2.0" not in texts:
                texts["Apache-2.0"] = path.read_text()
    return texts


def texts_of(crate, usual):
    """(heading, text) for each text that goes with a crate."""
    files = text_files(crate.folder)
    if files:
        return [(path.name, path.read_text(errors="replace")) for path in files]
    for licence in crate.licence.split(" OR "):
        if licence in usual:
            return [(f"{licence}, of whose text the crate has no copy", usual[licence])]
    sys.exit(f"no text of the licence of {crate.name} {crate.version}: {crate.licence}")


def collected(crates, usual):
    """For each text: its heading, the text as it is, and the crates."""
    found = {}
    for crate in crates:
        for heading, text in texts_of(crate, usual):
            of_text = found.setdefault(" ".join(text.split()), (heading, text.strip("\n"), set()))
            of_text[2].add(f"{crate.name} {crate.version}")
    return found.values()


def written(found):
    parts = [HEAD]
    for heading, text, crates in sorted(found, key=lambda each: sorted(each[2])):
        parts.append(f"{LINE}\n{', '.join(sorted(crates))}\n{heading}\n\n{text}\n")
    return "\n".join(parts)


def main(sources, bill):
    sources = pathlib.Path(sources)
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--manifest-path={sources}/Cargo.toml"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    crates = sorted(crates_of(json.loads(pathlib.Path(bill).read_text()), metadata))
    usual = usual_texts((sources / "LICENSE").read_text(), crates)
    sys.stdout.write(written(collected(crates, usual)))


if __name__ == "__main__":
    main(*sys.argv[1:])
