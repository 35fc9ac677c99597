"""The Compose files, as far as they can be read without an engine, and what is worked out in them and in the
manifests."""

import re
import unittest

import yaml

import manifests
from manifests import containers, named, of_kind, overlay, plain, source

KIB, MIB, GIB = 2**10, 2**20, 2**30


class Loader(yaml.SafeLoader):
    """Knows Compose's own `!reset` and `!override`."""


Loader.add_constructor("!reset", lambda loader, node: None)
Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


def services(path):
    return yaml.load(source(path), Loader)["services"]


def size(text):
    """`512m`, `1g`, `256Mi` and `1Gi` in bytes."""
    number, unit = re.fullmatch(r"(\d+)([mMgG])i?", text).groups()
    return int(number) * {"m": MIB, "g": GIB}[unit.lower()]


def constant(path, pattern):
    return int(re.search(pattern, source(path)).group(1).replace("_", ""))


class Release(unittest.TestCase):
    """What a platform engineer looks for in compose.prod.yaml."""

    release = services("compose.prod.yaml")
    NODES = [f"redis-cluster-{number}" for number in range(6)]

    def test_no_password_has_a_default(self):
        text = source("compose.prod.yaml")
        for name in ["SECRET_KEY", "ORGANISER_TOKEN", "REDIS_PASSWORD", "POSTGRES_PASSWORD"]:
            used = re.findall(r"\$\{" + name + r"[^}]*\}", text)
            self.assertTrue(used, name)
            for use in used:
                self.assertIn(":?", use)

    def test_every_container_drops_all_capabilities(self):
        for name, service in {**services("compose.yaml"), **self.release}.items():
            merged = {**services("compose.yaml").get(name, {}), **service}
            self.assertEqual(merged.get("cap_drop"), ["ALL"], name)
        given = {name: service["cap_add"] for name, service in self.release.items() if "cap_add" in service}
        self.assertEqual(given, {"db": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]})

    def test_a_server_is_in_a_network_with_those_alone_who_use_it(self):
        networks = {name: set(service["networks"]) for name, service in self.release.items() if "networks" in service}
        self.assertEqual({name for name, of in networks.items() if "log" in of},
                         {"redis", "vote", "worker", "redis-cluster-create", *self.NODES})
        self.assertEqual({name for name, of in networks.items() if "ledger" in of},
                         {"db", "result", "worker", "db-primary", "db-standby"})
        self.assertEqual({name for name, of in networks.items() if "frontend" in of}, {"vote", "result"})

    def test_the_database_has_a_release_that_still_gets_fixes(self):
        found = re.search(r"postgres:\$\{POSTGRES_VERSION:-(\d+)\}", self.release["db"]["image"])
        self.assertGreaterEqual(int(found.group(1)), 17)


class Cluster(unittest.TestCase):
    """The profile `cluster`."""

    def test_it_is_started_only_when_it_is_asked_for(self):
        for name, service in services("compose.yaml").items():
            of_the_cluster = name in Release.NODES or name in ["redis-cluster-create", "db-primary", "db-standby"]
            wanted = ["cluster"] if of_the_cluster else ["crowd"] if name == "crowd" else None
            self.assertEqual(service.get("profiles"), wanted, name)

    def test_its_nodes_run_what_those_of_kubernetes_run(self):
        nodes = named(overlay("production"), "StatefulSet", "redis-cluster")
        (image,) = set(re.findall(r"image: (\S+)", source("k8s/components/redis-cluster/nodes.yaml")))
        composed = services("compose.yaml")
        for name in Release.NODES:
            self.assertEqual(composed[name]["image"], image)
            self.assertEqual(composed[name]["hostname"], name)
            self.assertIn(f"{name}:/data", composed[name]["volumes"])
        self.assertEqual(len(Release.NODES), nodes["spec"]["replicas"])
        self.assertEqual(composed["redis-cluster-create"]["environment"]["NODES"].split(), Release.NODES)

    def test_the_settings_lead_to_its_servers(self):
        lines = [line for line in source("cluster.env").splitlines() if line and not line.startswith("#")]
        settings = dict(line.split("=", 1) for line in lines)
        self.assertEqual(settings["COMPOSE_PROFILES"], "cluster")
        self.assertTrue(settings["REDIS_URL"].endswith("}$HOSTS"))
        self.assertEqual(settings["HOSTS"].split(","), Release.NODES)
        self.assertTrue(settings["DATABASE_URL"].endswith("@db-primary,db-standby/postgres"))
        self.assertEqual((settings["DURABILITY"], int(settings["PARTITIONS"]) % 3), ("replicas:1", 0))


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
        connections = constant("crates/listener/src/limits.rs", r"\bconnections: ([\d_]+)")
        needed = connections * 184 * MIB / 10_000 + 64 * MIB
        limits = [services("compose.prod.yaml")["vote"]["deploy"]["resources"]["limits"]["memory"],
                  containers(named(plain(), "Deployment", "vote"))[0]["resources"]["limits"]["memory"]]
        for limit in limits:
            self.assertGreaterEqual(size(limit), needed)

    def test_the_servers_have_a_session_for_every_pod_that_may_come(self):
        readers = constant("crates/ledger-postgres/src/read_pool.rs", r"\bPOOL_SIZE: usize = (\d+)")
        arguments = containers(named(plain(), "StatefulSet", "postgres"))[0]["args"]
        (plainly,) = [int(text.split("=")[1]) for text in arguments if text.startswith("max_connections=")]
        reserved = 3  # for superusers, by default
        ledger = named(overlay("production"), "Cluster", "postgres")["spec"]["postgresql"]["parameters"]
        operators = 20  # standbys that follow or are made, the operator's own looks
        highly_available = int(ledger["max_connections"]) - operators
        for documents, allowed in [
            (plain(), plainly),
            (overlay("production"), highly_available),
            (manifests.managed(), 400),
        ]:
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
