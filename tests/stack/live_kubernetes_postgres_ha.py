"""The ledger on three PostgreSQL of CloudNativePG, on a real Kubernetes: the primary is lost under a crowd.

Where its images can't be had, the variables CNPG_POSTGRES (an image) and CNPG_POSTGRES_USER (the number of its user)
name another PostgreSQL."""

import os
import unittest

import kube
import manifests
import stack
import yaml
from crowd import Crowd
from engine import wait
from kube import SLOW, kubectl, ours

HERE = kube.HERE / "postgres-ha"
PASSWORD = "for-the-test-only"


def documents():
    made = manifests.built(HERE)
    spec = manifests.named(made, "Cluster", "postgres")["spec"]
    if "CNPG_POSTGRES" in os.environ:
        user = int(os.environ["CNPG_POSTGRES_USER"])
        spec |= {"imageName": os.environ["CNPG_POSTGRES"], "postgresUID": user, "postgresGID": user}
    return made


def status():
    return kube.get("cluster.postgresql.cnpg.io", "postgres")["status"]


def whole():
    now = status()
    assert now.get("readyInstances") == 3, now.get("phase")
    return now["currentPrimary"]


def install():
    """A new installation with three PostgreSQL, in place of the one that is there."""
    kubectl("delete", "namespace", "scrutin", "--ignore-not-found", "--wait")
    kubectl("apply", "--filename", str(manifests.K8S / "base" / "00-namespace.yaml"))
    url = f"postgres://scrutin:{PASSWORD}@postgres-rw:5432/scrutin?sslmode=require"
    ours("create", "secret", "generic", "postgres", "--type=kubernetes.io/basic-auth",
         "--from-literal=username=scrutin", f"--from-literal=password={PASSWORD}", f"--from-literal=DATABASE_URL={url}")
    kubectl("apply", "--filename", "-", input=yaml.safe_dump_all(documents()))


class PostgresHa(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        # Its pods may take half an hour to stop, and of that a namespace that is deleted waits for half.
        ours("delete", "cluster.postgresql.cnpg.io", "postgres", "--wait")
        ours("delete", "pod", "--selector=cnpg.io/cluster=postgres", "--grace-period=0", "--force")

    def test_the_operator_makes_three_and_the_services_are_ready(self):
        with kube.taking("three PostgreSQL and the services ready"):
            install()
            wait("three PostgreSQL", whole, SLOW * 2, pause=2)
            kube.wait_ready(*manifests.OURS)

    def test_nobody_notices_that_the_primary_is_lost(self):
        wait("the Ingress to lead to result", lambda: kube.ask("/", "result").status == 200, SLOW)
        with Crowd(rate=100) as crowd:
            lost = whole()
            with kube.taking(f"{lost}, the primary, lost; until another was"):
                ours("delete", "pod", lost, "--grace-period=0", "--force")
                wait("another primary", lambda: status()["currentPrimary"] != lost, SLOW)
            with kube.taking("until there were three again"):
                wait("three again", whole, SLOW * 2, pause=2)
        self.assertEqual(crowd.failed(), 0, crowd.report)
        kube.say(kube.recount().strip().splitlines()[-1])


load_tests = stack.in_order(PostgresHa)

if __name__ == "__main__":
    unittest.main()
