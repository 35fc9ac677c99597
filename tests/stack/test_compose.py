"""The Compose files, as far as they can be read without an engine, and what is worked out in them and in the manifests."""

import re
import unittest

import yaml

import manifests
from manifests import containers, named, of_kind, overlay, plain, source

KIB, MIB, GIB = 2**10, 2**20, 2**30


class Loader(yaml.SafeLoader):
    """Knows Compose's own `!reset`."""


Loader.add_constructor("!reset", lambda loader, node: None)


def services(path):
    return yaml.load(source(path), Loader)["services"]


def size(text):
    """`512m`, `1g`, `256Mi` and `1Gi` in bytes."""
    number, unit = re.fullmatch(r"(\d+)([mMgG])i?", text).groups()
    return int(number) * {"m": MIB, "g": GIB}[unit.lower()]


def constant(path, pattern):
    return int(re.search(pattern, source(path)).group(1).replace("_", ""))


class Database(unittest.TestCase):
    def test_the_database_lies_on_its_volume_whatever_the_release_of_the_image(self):
        db = services("compose.yaml")["db"]
        (volume,) = [volume for volume in db["volumes"] if volume.startswith("db:")]
        self.assertEqual(db["environment"]["PGDATA"], volume.removeprefix("db:"))

    def test_the_database_is_told_to_end_its_sessions(self):
        self.assertEqual(services("compose.yaml")["db"]["stop_signal"], "SIGINT")


class Sizes(unittest.TestCase):
    def test_vote_has_memory_for_every_connection_that_it_takes(self):
        # Measured: 10,000 idle connections take 184 MiB. The program itself takes far less than 64 MiB.
        connections = constant("crates/service/src/http_server.rs", r"\bconnections: ([\d_]+)")
        needed = connections * 184 * MIB / 10_000 + 64 * MIB
        limits = [services("compose.prod.yaml")["vote"]["deploy"]["resources"]["limits"]["memory"],
                  containers(named(plain(), "Deployment", "vote"))[0]["resources"]["limits"]["memory"]]
        for limit in limits:
            self.assertGreaterEqual(size(limit), needed)

    def test_the_servers_have_a_session_for_every_pod_that_may_come(self):
        readers = constant("crates/ledger-postgres/src/scoreboard.rs", r"\bPOOL_SIZE: usize = (\d+)")
        arguments = containers(named(plain(), "StatefulSet", "postgres"))[0]["args"]
        (plainly,) = [int(text.split("=")[1]) for text in arguments if text.startswith("max_connections=")]
        reserved = 3  # for superusers, by default
        for documents, allowed in [(plain(), plainly), (overlay("production"), 400)]:
            (most,) = [scaler["spec"]["maxReplicas"] for scaler in of_kind(documents, "HorizontalPodAutoscaler")
                       if scaler["metadata"]["name"] == "result"]
            partitions = int(named(documents, "ConfigMap", "scrutin")["data"]["PARTITIONS"])
            workers = named(documents, "Deployment", "worker")["spec"]["replicas"]
            # One pod more of each during an update; a worker holds one for each partition it counts, and a spare.
            sessions = (most + 1) * (readers + 1) + partitions + workers + 1
            self.assertLessEqual(sessions, allowed - reserved)
        self.assertIn(f"up to {readers + 1} sessions", manifests.source("docs/operations.md"))


if __name__ == "__main__":
    unittest.main()
