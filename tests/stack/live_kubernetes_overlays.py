"""What else can be installed is valid to a real server that has the definitions of the operators."""

import unittest

import kube
import manifests
import yaml
from engine import run


class Overlays(unittest.TestCase):
    """By a server-side dry run: each object is checked and completed, and none is made."""

    def try_out(self, documents):
        # A Job can't be changed, and of an earlier part of these tests there may be one.
        kube.ours("delete", "job", "--all", "--wait")
        done = run("kubectl", "apply", "--dry-run=server", "--validate=strict", "--filename", "-",
                   input=yaml.safe_dump_all(documents), timeout=600)
        self.assertEqual(done.stderr, "")
        self.assertEqual(len(done.stdout.splitlines()), len(documents))

    def test_production_is_valid(self):
        self.try_out(manifests.overlay("production"))

    def test_production_with_managed_servers_is_valid(self):
        self.try_out(manifests.managed())

    def test_production_behind_a_gateway_is_valid(self):
        self.try_out(manifests.production_with(*manifests.GATEWAY))

    def test_production_with_a_store_of_secrets_is_valid(self):
        self.try_out(manifests.production_with(*manifests.EXTERNAL_SECRETS))

    def test_observability_is_valid(self):
        self.try_out(manifests.overlay("observability"))

    def test_a_misspelt_field_of_an_operators_resource_is_refused(self):
        # So that the tests above are known to see what they are there for.
        documents = manifests.overlay("production")
        (cluster,) = manifests.of_kind(documents, "Cluster")
        cluster["spec"]["instance"] = cluster["spec"].pop("instances")
        with self.assertRaisesRegex(AssertionError, "unknown field"):
            self.try_out(documents)


if __name__ == "__main__":
    unittest.main()
