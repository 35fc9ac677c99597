"""The Dockerfiles, as far as they can be read without an engine."""

import itertools
import re
import shlex
import unittest

import manifests
from manifests import OURS, source

LAST_SHARED = "# ── Here ends what the files share.\n"
RUST = [*OURS, "crowd"]


def shared(service):
    text = source(f"{service}/Dockerfile")
    return text[text.index("# ── From here"):text.index(LAST_SHARED)]


class Dockerfiles(unittest.TestCase):
    def test_they_share_their_leading_stages_word_for_word(self):
        stages = {service: shared(service) for service in RUST}
        self.assertIn("FROM rust:", stages["vote"])
        for service in RUST:
            self.assertEqual(stages[service], stages["vote"], service)

    def test_cargo_is_always_asked_for_the_same_packages(self):
        # Or it would choose other features for the dependencies, and build them again.
        for path in [*(f"{service}/Dockerfile" for service in RUST), "scripts/develop"]:
            whole_lines = re.sub(r" \\\n\s+", " ", source(path))
            calls = [shlex.split(call) for call in re.findall(r"\bcargo build ([^&\n]*)", whole_lines)]
            self.assertGreaterEqual(len(calls), 1 if path == "scripts/develop" else 4, path)
            for call in calls:
                packages = [
                    name for option, name in itertools.pairwise(call) if option == "-p" and name != "scrutin-crowd"
                ]
                self.assertEqual(packages, ["scrutin-vote", "scrutin-worker", "scrutin-result"], path)
                features = [name for option, name in itertools.pairwise(call) if option == "--features"]
                self.assertEqual(features, ["$FEATURES"] if "--release" in call else [], path)
                self.assertIn("--locked", call)

    def test_the_shared_stages_see_no_source_but_the_manifests_and_the_shared_crates(self):
        # Or a change of one service would build the dependencies of the others again.
        copied = {"crates": ["COPY crates crates"]}
        for service in RUST:
            copies = re.findall(r"^FROM (\S+) AS (\S+)\n((?:(?!FROM ).*\n)*)", shared(service), re.MULTILINE)
            for base, stage, body in copies:
                if stage not in ["toolchain", "manifests"]:
                    self.assertEqual(
                        re.findall(r"^COPY .*$", body, re.MULTILINE),
                        copied.get(stage, ["COPY --from=manifests /app ."]),
                        stage,
                    )

    def test_a_service_is_built_of_its_own_sources_and_what_all_share(self):
        for service in RUST:
            build = re.search(
                r"^FROM (?:crowd-dependencies|crates) AS build\n((?:(?!FROM ).*\n)*)",
                source(f"{service}/Dockerfile"),
                re.MULTILINE,
            )
            copied = re.findall(r"^COPY (\S+) (\S+)$", build.group(1), re.MULTILINE)
            self.assertEqual(copied, [(service, service)])

    def test_the_last_stage_is_distroless_and_has_a_numeric_user(self):
        for service in RUST:
            last = source(f"{service}/Dockerfile").rsplit("\nFROM ", 1)[1]
            self.assertRegex(last, r"^gcr\.io/distroless/static-debian\d+:nonroot AS release\n")
            self.assertEqual(re.findall(r"COPY --from=build /image/(\w+)/", last), ["lib", "lib64", "app"])
            self.assertNotIn("RUN", last)
            self.assertIn("\nUSER 65532:65532\n", last)
            self.assertIn(f'ENTRYPOINT ["/app/{service}"]', last)

    def test_no_file_knows_of_a_registry_or_a_mirror_of_anybody(self):
        for path in [
            *(f"{service}/Dockerfile" for service in RUST),
            "proxy/Dockerfile",
            "compose.yaml",
            "compose.prod.yaml",
        ]:
            self.assertNotRegex(source(path), r"stand-in|artifactory|mirror", path)

    def test_compose_and_kubernetes_have_the_version_of_the_programs(self):
        version = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', source("Cargo.toml"), re.MULTILINE).group(
            1
        )
        self.assertIn(f'variable "TAG" {{ default = "{version}" }}', source("docker-bake.hcl"))
        for service in OURS:
            deployment = manifests.named(manifests.plain(), "Deployment", service)
            self.assertEqual(manifests.containers(deployment)[0]["image"], f"scrutin/{service}:{version}")


if __name__ == "__main__":
    unittest.main()
