"""The bill of materials of all programs as one document (CycloneDX 1.5), the same for the same commit.

    sbom.py SOURCES VERSION    the directory of the workspace; writes to standard output

cargo-cyclonedx writes one for each package, beside its manifest. With SOURCE_DATE_EPOCH it has no serial number, and
the time of the commit. Where our own packages are on this machine is taken out.
"""

import json
import pathlib
import re
import subprocess
import sys

PROGRAMS = [".", "vote", "worker", "result", "crowd"]
FILE = "scrutin-release"


def ask_cyclonedx(sources):
    command = ["cargo", "cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]
    command += ["--manifest-path", str(sources / "Cargo.toml"), "--override-filename", FILE]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return [json.loads(without_places((sources / program / f"{FILE}.json").read_text())) for program in PROGRAMS]


def without_places(text):
    """`path+file:///somewhere#scrutin-vote@0.2.0` becomes `scrutin-vote@0.2.0`, and addresses lose their path."""
    return re.sub(r"path\+file://[^\"#]*#|\?download_url=file://[^\"#]*", "", text)


def merged(documents, version):
    """One document whose subject is the release, which depends on the programs."""
    programs = [document["metadata"]["component"] for document in documents]
    components = {each["bom-ref"]: each for document in documents for each in document["components"]}
    components |= {program["bom-ref"]: program for program in programs}
    needs = {}
    for document in documents:
        for entry in document["dependencies"]:
            needs.setdefault(entry["ref"], set()).update(entry.get("dependsOn", []))
    subject = {"type": "application", "bom-ref": "scrutin-release", "name": "Scrutin", "version": version}
    needs["scrutin-release"] = {program["bom-ref"] for program in programs}
    metadata = documents[0]["metadata"] | {"component": subject}
    return documents[0] | {
        "metadata": metadata,
        "components": [components[ref] for ref in sorted(components)],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)],
    }


if __name__ == "__main__":
    document = merged(ask_cyclonedx(pathlib.Path(sys.argv[1])), sys.argv[2])
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
