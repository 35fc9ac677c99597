"""The Dockerfiles, as far as they can be read without an engine."""

import re
import unittest

import manifests
from manifests import OURS, source

LAST_SHARED = "# ── Here ends what the three files share.\n"


def shared(service):
    text = source(f"{service}/Dockerfile")
    return text[text.index("# ── From here"):text.index(LAST_SHARED)]


class Dockerfiles(unittest.TestCase):
    def test_the_three_share_their_leading_stages_word_for_word(self):
        stages = {service: shared(service) for service in OURS}
        self.assertIn("FROM rust:", stages["vote"])
        self.assertEqual(stages["vote"], stages["worker"])
        self.assertEqual(stages["vote"], stages["result"])

    def test_the_shared_stages_see_no_source_but_the_manifests(self):
        # Or a change of one service would build the dependencies of the others again.
        for service in OURS:
            copies = re.findall(r"^FROM (\S+) AS (\S+)\n((?:(?!FROM ).*\n)*)", shared(service), re.MULTILINE)
            for base, stage, body in copies:
                if stage not in ["toolchain", "manifests"]:
                    self.assertEqual(re.findall(r"^COPY .*$", body, re.MULTILINE), ["COPY --from=manifests /app ."], stage)

    def test_a_service_is_built_of_its_own_sources_and_the_crates(self):
        for service in OURS:
            build = re.search(r"^FROM dependencies AS build\n((?:(?!FROM ).*\n)*)", source(f"{service}/Dockerfile"), re.MULTILINE)
            copied = re.findall(r"^COPY (\S+) (\S+)$", build.group(1), re.MULTILINE)
            self.assertEqual(copied, [("crates", "crates"), (service, service)])

    def test_the_last_stage_is_distroless_and_has_a_numeric_user(self):
        for service in OURS:
            last = source(f"{service}/Dockerfile").rsplit("\nFROM ", 1)[1]
            self.assertRegex(last, r"^gcr\.io/distroless/static-debian\d+:nonroot AS release\n")
            self.assertEqual(re.findall(r"COPY --from=build /image/(\w+)/", last), ["lib", "lib64", "app"])
            self.assertNotIn("RUN", last)
            self.assertIn("\nUSER 65532:65532\n", last)
            self.assertIn(f'ENTRYPOINT ["/app/{service}"]', last)

    def test_no_file_knows_of_a_registry_or_a_mirror_of_anybody(self):
        for path in [*(f"{service}/Dockerfile" for service in OURS), "proxy/Dockerfile", "compose.yaml", "compose.prod.yaml"]:
            self.assertNotRegex(source(path), r"stand-in|artifactory|mirror", path)

    def test_compose_and_kubernetes_have_the_version_of_the_programs(self):
        version = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', source("Cargo.toml"), re.MULTILINE).group(1)
        self.assertIn(f'variable "TAG" {{ default = "{version}" }}', source("docker-bake.hcl"))
        for service in OURS:
            deployment = manifests.named(manifests.plain(), "Deployment", service)
            self.assertEqual(manifests.containers(deployment)[0]["image"], f"scrutin/{service}:{version}")


if __name__ == "__main__":
    unittest.main()
