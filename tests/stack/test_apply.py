"""`kubectl apply -f k8s/` deploys everything, once and again: the real kubectl, before a small stand-in for the API."""

import os
import subprocess
import tempfile
import unittest

import api_server
import manifests


def apply(server):
    """Exactly the command of the README, but for where the cluster is, and that it has no schemas to offer."""
    with tempfile.TemporaryDirectory() as home:
        command = ["kubectl", "--server", server.url, "apply", "--validate=false", "-f", "k8s/"]
        environment = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": os.devnull}
        return subprocess.run(command, cwd=manifests.ROOT, env=environment, capture_output=True, text=True, timeout=120)


class Apply(unittest.TestCase):
    def test_the_folder_alone_is_applied_once_and_again(self):
        with api_server.running() as server:
            first = apply(server)
            self.assertEqual(first.returncode, 0, first.stderr)
            created = sorted(line.split()[-1] for line in first.stdout.splitlines())
            self.assertEqual(created, ["created"] * len(manifests.plain()))
            self.assertEqual(len(server.objects), len(manifests.plain()))
            self.assertEqual(server.writes[0], ("POST", "/api/v1/namespaces/scrutin"))

            again = apply(server)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertNotIn("created", again.stdout)
            # `stringData` is never read back, and the selector of a disruption budget is always sent whole. Everything
            # else is left alone, the replicas that the autoscalers chose among it.
            touched = {path.split("/")[-2] for method, path in server.writes[len(manifests.plain()):]}
            self.assertLessEqual(touched, {"secrets", "poddisruptionbudgets"})

    def test_secrets_that_an_operator_made_are_left_as_they_are(self):
        own = {
            f"/api/v1/namespaces/scrutin/secrets/{name}": {
                "apiVersion": "v1",
                "kind": "Secret",
                "data": {"A_KEY": "b3du"},
                "metadata": {"name": name, "namespace": "scrutin"},
            }
            for name in ["scrutin", "redis", "postgres"]
        }
        with api_server.running() as server:
            server.objects |= own
            for _ in ["to begin with", "and again"]:
                done = apply(server)
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse({path for _, path in server.writes} & own.keys())


if __name__ == "__main__":
    unittest.main()
