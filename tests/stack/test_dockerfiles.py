"""The Dockerfiles, as far as they can be read without an engine."""

import itertools
import re
import shlex
import unittest

import yaml

import manifests
from manifests import OURS, source
from test_compose import Loader

LAST_SHARED = "# ── Here ends what the files share.\n"
# program → its Dockerfile
RUST = {**{program: f"{program}/Dockerfile" for program in [*OURS, "crowd"]}, "scrutin": "Dockerfile"}


def shared(program):
    text = source(RUST[program])
    return text[text.index("# ── From here"):text.index(LAST_SHARED)]


class Dockerfiles(unittest.TestCase):
    def test_they_share_their_leading_stages_word_for_word(self):
        stages = {service: shared(service) for service in RUST}
        self.assertIn("FROM ${RUST_IMAGE} AS toolchain\n", stages["vote"])
        for service in RUST:
            self.assertEqual(stages[service], stages["vote"], service)

    def test_cargo_is_always_asked_for_the_same_packages(self):
        # Or it would choose other features for the dependencies, and build them again.
        beside = {"scrutin", "scrutin-crowd"}
        for path in [*RUST.values(), "scripts/develop"]:
            whole_lines = re.sub(r" \\\n\s+", " ", source(path))
            calls = [shlex.split(call) for call in re.findall(r"\bcargo build ([^&\n]*)", whole_lines)]
            self.assertGreaterEqual(len(calls), 1 if path == "scripts/develop" else 4, path)
            for call in calls:
                packages = [name for option, name in itertools.pairwise(call) if option == "-p"]
                always = [name for name in packages if name not in beside]
                self.assertEqual(always, ["scrutin-vote", "scrutin-worker", "scrutin-result"], path)
                self.assertNotIn("--features", call)
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

    def test_images_are_built_with_the_settings_of_cargo_that_the_repository_has(self):
        self.assertIn("LIBSQLITE3_FLAGS", source(".cargo/config.toml"))
        self.assertIn("!.cargo", source(".dockerignore").splitlines())
        for service in RUST:
            toolchain = re.search(r"^FROM \S+ AS toolchain\n((?:(?!FROM ).*\n)*)", shared(service), re.MULTILINE)
            self.assertIn("\nCOPY .cargo .cargo\n", toolchain[1], service)

    def test_a_service_is_built_of_its_own_sources_and_what_all_share(self):
        for service in RUST:
            build = re.search(
                r"^FROM (?:\w+-dependencies|crates) AS build\n((?:(?!FROM ).*\n)*)",
                source(RUST[service]),
                re.MULTILINE,
            )
            copied = re.findall(r"^COPY (\S+) (\S+)$", build.group(1), re.MULTILINE)
            own = ["vote", "result", "src"] if service == "scrutin" else [service]
            self.assertEqual(copied, [(folder, folder) for folder in own])

    def test_the_last_stage_is_distroless_and_has_a_numeric_user(self):
        for service in RUST:
            last = source(RUST[service]).rsplit("\nFROM ", 1)[1]
            self.assertTrue(last.startswith("${RUNTIME_IMAGE} AS release\n"), service)
            self.assertEqual(re.findall(r"COPY --from=build /image/(\w+)/", last), ["lib", "lib64", "app"])
            self.assertNotIn("\nRUN ", last)
            self.assertIn("\nUSER 65532:65532\n", last)
            self.assertIn(f'ENTRYPOINT ["/app/{service}"]', last)

    def test_every_base_image_is_named_by_digest(self):
        known = {}
        for path in [*RUST.values(), "proxy/Dockerfile"]:
            text = source(path)
            arguments = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, re.MULTILINE))
            stages = {"scratch", *re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)}
            bases = {base for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if base not in stages}
            self.assertEqual(bases, {f"${{{name}}}" for name in arguments}, path)
            for name, image in arguments.items():
                self.assertRegex(image, r"^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$", path)
                self.assertEqual(known.setdefault(name, image), image, path)
        self.assertIn("distroless/static-debian", known["RUNTIME_IMAGE"])
        self.assertRegex(known["RUST_IMAGE"], r"^rust:[\d.]+-bookworm@")

    def test_builds_on_one_machine_and_by_compose_take_other_base_images(self):
        bake = source("docker-bake.hcl")
        for name in ["RUST_IMAGE", "RUNTIME_IMAGE", "NGINX_IMAGE"]:
            self.assertIn(f'variable "{name}" {{ default = "" }}', bake)
        for name, service in yaml.load(source("compose.yaml"), Loader)["services"].items():
            if "build" in service:
                wanted = ["NGINX_IMAGE"] if name == "proxy" else ["RUST_IMAGE", "RUNTIME_IMAGE"]
                self.assertEqual(service["build"]["args"], wanted, name)

    def test_no_file_knows_of_a_registry_or_a_mirror_of_anybody(self):
        for path in [*RUST.values(), "proxy/Dockerfile", "compose.yaml", "compose.prod.yaml"]:
            self.assertNotRegex(source(path), r"stand-in|artifactory|mirror", path)

    def test_compose_and_kubernetes_have_the_version_of_the_programs(self):
        version = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', source("Cargo.toml"), re.MULTILINE).group(
            1
        )
        self.assertIn(f'variable "VERSION" {{ default = "{version}" }}', source("docker-bake.hcl"))
        for service in OURS:
            deployment = manifests.named(manifests.plain(), "Deployment", service)
            self.assertEqual(manifests.containers(deployment)[0]["image"], f"scrutin/{service}:{version}")


if __name__ == "__main__":
    unittest.main()
