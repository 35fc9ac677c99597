"""`scripts/renew-base-images`, against a registry of its own and Docker's real client."""

import contextlib
import hashlib
import http.server
import json
import pathlib
import re
import tempfile
import threading
import unittest

import engine
from engine import docker
from stack import CLONE

SCRIPT = CLONE / "scripts/renew-base-images"
INDEX = "application/vnd.oci.image.index.v1+json"


class Registry(http.server.BaseHTTPRequestHandler):
    """What a client asks a registry for when it wants to know what a tag is. `tags` maps a tag to its index."""

    tags = {}

    def do_GET(self):
        self.answer(with_body=True)

    def do_HEAD(self):
        self.answer(with_body=False)

    def answer(self, with_body):
        wanted = re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path)
        known = {**self.tags, **{digest(index): index for index in self.tags.values()}}
        index = known.get(wanted[2]) if wanted else b"{}" if self.path == "/v2/" else None
        self.send_response(404 if index is None else 200)
        self.send_header("Content-Type", INDEX)
        self.send_header("Content-Length", str(len(index or b"")))
        self.send_header("Docker-Content-Digest", digest(index or b""))
        self.end_headers()
        if with_body and index:
            self.wfile.write(index)

    def log_message(self, *_):
        pass


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def index(number):
    """An index of images that differs from others."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [],
                       "annotations": {"number": str(number)}}).encode()


class BaseImages(unittest.TestCase):
    def setUp(self):
        Registry.tags = {"1": index(1)}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.image = f"127.0.0.1:{self.server.server_port}/base:1"
        self.dockerfile = self.root / "vote/Dockerfile"
        self.dockerfile.parent.mkdir()
        self.write(f"ARG RUST_IMAGE={self.image}")

    def write(self, argument):
        self.dockerfile.write_text(f"# A comment.\n{argument}\nFROM ${{RUST_IMAGE}}\n")

    def run_script(self, *options):
        return engine.run(SCRIPT, *options, "--root", self.root, check=False)

    def test_a_tag_gets_the_digest_that_its_registry_has(self):
        renewed = self.run_script()
        self.assertEqual(renewed.returncode, 0, renewed.stderr)
        wanted = f"# A comment.\nARG RUST_IMAGE={self.image}@{digest(index(1))}\nFROM ${{RUST_IMAGE}}\n"
        self.assertEqual(self.dockerfile.read_text(), wanted)
        self.assertEqual(self.run_script().stdout, "", "nothing is left to renew")

    def test_a_tag_that_has_moved_is_told_and_renewed(self):
        self.run_script()
        self.assertEqual(self.run_script("--check").returncode, 0)
        Registry.tags["1"] = index(2)
        told = self.run_script("--check")
        self.assertEqual((told.returncode, digest(index(2)) in told.stdout), (1, True), told)
        self.assertIn(digest(index(1)), self.dockerfile.read_text(), "nothing is written")
        self.run_script()
        self.assertIn(f"{self.image}@{digest(index(2))}\n", self.dockerfile.read_text())

    def test_a_registry_without_an_answer_is_an_error_that_writes_nothing(self):
        before = f"{self.dockerfile.read_text()}ARG OTHER_IMAGE={self.image}2\n"
        self.dockerfile.write_text(before)
        failed = self.run_script()
        self.assertEqual(failed.returncode, 1)
        self.assertIn(f"{self.image}2: ", failed.stderr)
        self.assertEqual(self.dockerfile.read_text(), before)

    def test_servers_of_compose_are_printed_by_digest(self):
        (self.root / "compose.prod.yaml").write_text(
            f"services:\n  redis:\n    image: ${{REDIS_IMAGE:-{self.image}}}\n"
            f"  db:\n    image: ${{POSTGRES_IMAGE:-{self.image[:-1]}${{VERSION:-1}}}}\n")
        by_digest = f"{self.image}@{digest(index(1))}"
        self.assertEqual(self.run_script("--servers").stdout, f"REDIS_IMAGE={by_digest}\nPOSTGRES_IMAGE={by_digest}\n")

    def test_a_base_that_is_here_serves_where_its_digest_can_not_be_had(self):
        absent = f"sha256:{'0' * 64}"
        self.write(f"ARG RUST_IMAGE={self.image}@{absent}")
        self.assertEqual(self.run_script("--substitutes").stdout, "", "none is here")
        with self.local_image():
            self.assertEqual(self.run_script("--substitutes").stdout, f"export RUST_IMAGE={self.image}\n")
            self.write(f"ARG RUST_IMAGE={self.image}@{digest(index(1))}")
            self.assertEqual(self.run_script("--substitutes").stdout, "", "the registry has it")

    @contextlib.contextmanager
    def local_image(self):
        with tempfile.NamedTemporaryFile(suffix=".tar") as empty:
            empty.write(bytes(10240))
            empty.flush()
            docker("import", empty.name, self.image)
        try:
            yield
        finally:
            docker("image", "rm", self.image)


if __name__ == "__main__":
    unittest.main()
