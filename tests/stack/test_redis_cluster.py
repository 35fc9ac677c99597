"""The component of the Redis Cluster: what its nodes promise, and that the cluster is made once and only once."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import fake_valkey
import manifests
from engine import wait
from manifests import containers, named, overlay, pod

COMPONENT = manifests.K8S / "components" / "redis-cluster"
NODES = [f"node-{number}" for number in range(6)]


@contextlib.contextmanager
def prepared(cluster_of, **environment):
    """The nodes that `cluster_of` adds, and the environment in which a script finds them."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = fake_valkey.Cluster(f"{directory}/cluster.json")
        cluster_of(cluster)
        cluster.write()
        for name in ["valkey-cli", "getent"]:
            stub = pathlib.Path(directory, name)
            stub.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{fake_valkey.__file__}" {name} "$@"\n')
            stub.chmod(0o755)
        yield cluster, {"PATH": f"{directory}:{os.environ['PATH']}", "FAKE_CLUSTER": cluster.file,
                        "LIMIT_SECONDS": "2", "NODES": " ".join(NODES), **environment}


@contextlib.contextmanager
def running(script, cluster_of, **environment):
    """A function that runs the script on these nodes, to its end."""
    with prepared(cluster_of, **environment) as (cluster, given):
        def run():
            done = subprocess.run(["sh", str(script)], env=given, capture_output=True, text=True, timeout=120)
            cluster.read()
            return done

        yield cluster, run


def directives():
    lines = (COMPONENT / "valkey.conf").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


class Nodes(unittest.TestCase):
    documents = overlay("production")
    nodes = named(documents, "StatefulSet", "redis-cluster")

    def test_a_node_writes_before_it_answers_and_drops_nothing(self):
        settings = directives()
        self.assertEqual(settings["appendonly"], "yes")
        self.assertEqual(settings["appendfsync"], "always")
        self.assertEqual(settings["maxmemory-policy"], "noeviction")
        limit = containers(self.nodes)[0]["resources"]["limits"]["memory"]
        self.assertLess(int(settings["maxmemory"].removesuffix("mb")), 0.7 * 1024 * int(limit.removesuffix("Gi")))

    def test_who_a_node_is_lies_on_the_volume_of_its_data(self):
        # Or a primary without its data came back as itself, and wiped its replica.
        settings = directives()
        mounts = {mount["name"]: mount["mountPath"] for mount in containers(self.nodes)[0]["volumeMounts"]}
        self.assertEqual(settings["dir"], mounts["data"])
        self.assertNotIn("/", settings["cluster-config-file"])

    def test_there_are_as_many_replicas_as_an_acknowledgement_waits_for(self):
        settings = named(self.documents, "ConfigMap", "scrutin")["data"]
        self.assertEqual(self.nodes["spec"]["replicas"], 6)
        self.assertEqual(settings["DURABILITY"], "replicas:1")
        self.assertEqual(int(settings["PARTITIONS"]) % 3, 0)

    def test_nodes_are_spread_over_machines_and_zones_or_not_started(self):
        constraints = pod(self.nodes)["topologySpreadConstraints"]
        self.assertEqual({constraint["topologyKey"] for constraint in constraints},
                         {"kubernetes.io/hostname", "topology.kubernetes.io/zone"})
        self.assertEqual({constraint["whenUnsatisfiable"] for constraint in constraints}, {"DoNotSchedule"})

    def test_nodes_find_one_another_before_one_is_ready(self):
        service = named(self.documents, "Service", "redis-cluster")["spec"]
        self.assertIs(service["publishNotReadyAddresses"], True)
        self.assertEqual(self.nodes["spec"]["podManagementPolicy"], "Parallel")

    def test_the_job_knows_all_nodes_and_the_partitions_of_the_services(self):
        job = containers(named(self.documents, "Job", "redis-cluster-create"))[0]
        given = {variable["name"]: variable for variable in job["env"]}
        names = [f"redis-cluster-{number}.redis-cluster" for number in range(self.nodes["spec"]["replicas"])]
        self.assertEqual(given["NODES"]["value"].split(), names)
        self.assertEqual(given["PARTITIONS"]["valueFrom"]["configMapKeyRef"], {"name": "scrutin", "key": "PARTITIONS"})

    def test_a_node_is_given_its_password_where_nobody_else_reads_it(self):
        with tempfile.TemporaryDirectory() as directory:
            stub = pathlib.Path(directory, "valkey-server")
            stub.write_text('#!/bin/sh\nprintf "arguments: %s\\n" "$*"\ncat\n')
            stub.chmod(0o755)
            given = {"PATH": f"{directory}:{os.environ['PATH']}", "REDIS_PASSWORD": "own-r", "ADDRESS": "10.0.0.7",
                     "NAME": "node-1.nodes", "ZONE": "north", "MACHINE": "m1"}
            command = ["sh", str(COMPONENT / "node.sh")]
            ran = subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout
        arguments, configuration = ran.split("\n", 1)
        self.assertNotIn("own-r", arguments)
        self.assertEqual(configuration.splitlines(), [
            "cluster-announce-ip 10.0.0.7", "cluster-announce-hostname node-1.nodes", "availability-zone north/m1",
            "requirepass own-r", "masterauth own-r",
        ])


def fresh(cluster):
    """Six empty nodes. The scheduler has put the last three into zones in another order than the first."""
    for name, place in zip(NODES, ["n/1", "s/2", "w/3", "n/4", "w/5", "s/6"]):
        cluster.add(name, place)


class Creation(unittest.TestCase):
    def create(self, cluster_of, partitions=6):
        return running(COMPONENT / "create.sh", cluster_of, PARTITIONS=str(partitions))

    def test_each_primary_gets_a_third_of_the_partitions(self):
        for partitions in [3, 6, 12, 16, 24]:
            with self.create(fresh, partitions) as (cluster, run):
                done = run()
                self.assertEqual(done.returncode, 0, done.stderr)
                share = [0, 0, 0]
                for partition in range(partitions):
                    slot = fake_valkey.slot(f"{{scrutin:{partition}}}:log")
                    for number in range(3):
                        first, last = map(int, cluster.nodes[NODES[number]]["slots"].split("-"))
                        share[number] += first <= slot <= last
                self.assertEqual(sum(share), partitions)
                self.assertLessEqual(max(share) - min(share), 1, (partitions, share))

    def test_a_replica_is_in_another_zone_than_its_primary(self):
        with self.create(fresh) as (cluster, run):
            run()
            by_id = {node["id"]: node for node in cluster.nodes.values()}
            pairs = [(node["place"], by_id[node["follows"]]["place"])
                     for node in cluster.nodes.values() if node["follows"]]
            self.assertEqual(len(pairs), 3)
            for replica, primary in pairs:
                self.assertNotEqual(replica[0], primary[0])

    def test_a_second_time_changes_nothing(self):
        with self.create(fresh) as (cluster, run):
            run()
            before = cluster.nodes
            done = run()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("already", done.stdout)
            self.assertEqual(cluster.nodes, before)

    def test_after_a_failover_it_still_changes_nothing(self):
        with self.create(fresh) as (cluster, run):
            run()
            promoted = next(node for node in cluster.nodes.values() if node["follows"] == cluster.nodes["node-0"]["id"])
            lost = cluster.nodes["node-0"]
            promoted["slots"], promoted["follows"], promoted["keys"] = lost["slots"], "", 9
            lost["slots"], lost["follows"] = "", promoted["id"]
            cluster.write()
            before = cluster.nodes
            done = run()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(cluster.nodes, before)

    def test_one_that_is_half_made_is_completed(self):
        def half(cluster):
            fresh(cluster)
            cluster.nodes["node-1"]["slots"] = self.whole()["node-1"]["slots"]

        with self.create(half) as (cluster, run):
            done = run()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual({name: node["slots"] for name, node in cluster.nodes.items()},
                             {name: node["slots"] for name, node in self.whole().items()})

    def whole(self):
        with self.create(fresh) as (cluster, run):
            run()
            return cluster.nodes

    def test_of_nodes_that_are_something_else_none_is_touched(self):
        for change, word in [({"keys": 7}, "has keys, and no slots"), ({"slots": "0-99"}, "has the slots 0-99")]:
            def foreign(cluster):
                fresh(cluster)
                cluster.nodes["node-2"] |= change

            with self.create(foreign) as (cluster, run):
                done = run()
                self.assertEqual(done.returncode, 1)
                self.assertIn(word, done.stderr)
                self.assertIn("Nothing was changed", done.stderr)
                self.assertEqual([node["changes"] for node in cluster.nodes.values()], [[]] * 6)

    def test_it_does_nothing_without_all_nodes(self):
        with self.create(fresh) as (cluster, run):
            del cluster.nodes["node-5"]
            cluster.write()
            done = run()
            self.assertEqual(done.returncode, 1)
            self.assertIn("waited 2 s for all nodes to answer", done.stderr)
            self.assertEqual([node["changes"] for node in cluster.nodes.values()], [[]] * 5)


class Membership(unittest.TestCase):
    """What member.sh does beside each node."""

    def lost(self, cluster):
        """node-0 lost its volume; node-3 was promoted for it, and the others know what node-0 was before."""
        fresh(cluster)
        nodes = cluster.nodes
        for name, slots in [("node-3", "0-4909"), ("node-1", "4910-9036"), ("node-2", "9037-16383")]:
            nodes[name]["slots"] = slots
        nodes["node-4"]["follows"], nodes["node-5"]["follows"] = "id-of-node-1", "id-of-node-2"
        cluster.add("before")
        nodes["before"] |= {"name": "node-0", "failed": True}
        for name in ["before", *NODES[1:]]:
            nodes[name]["knows"] = ["before", *NODES[1:]]

    @contextlib.contextmanager
    def member(self, name, cluster_of):
        """Runs beside the node, until the test has seen what it waits for."""
        with prepared(cluster_of, NAME=name, PAUSE_SECONDS="0.1") as (cluster, given):
            given["TURN"] = f"{cluster.file}.turn"
            command = ["sh", str(COMPONENT / "member.sh")]
            with subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL) as process:
                try:
                    yield cluster
                finally:
                    process.kill()

    def wait_for(self, cluster, condition):
        def holds():
            cluster.read()
            return condition(cluster.nodes)

        wait("the node to do so", holds, 60)

    def turns(self, cluster, count):
        """Until it went round so often more."""
        turn = pathlib.Path(f"{cluster.file}.turn")
        for _ in range(count):
            before = turn.stat().st_mtime_ns if turn.exists() else 0
            wait("another turn", lambda: turn.exists() and turn.stat().st_mtime_ns > before, 60)
        cluster.read()

    def test_a_node_without_its_volume_follows_the_primary_that_has_no_replica(self):
        with self.member("node-0", self.lost) as cluster:
            self.wait_for(cluster, lambda nodes: nodes["node-0"]["follows"] == "id-of-node-3")

    def test_what_a_node_was_before_it_lost_its_volume_is_forgotten(self):
        def replaced(cluster):
            self.lost(cluster)
            cluster.nodes["node-0"]["follows"] = "id-of-node-3"
            for name in NODES:
                cluster.nodes[name]["knows"] = ["before", *NODES]

        with self.member("node-2", replaced) as cluster:
            self.wait_for(cluster, lambda nodes: nodes["node-2"]["knows"] == NODES)
            self.assertIn("cluster forget id-of-before", cluster.nodes["node-2"]["changes"])

    def test_a_node_that_failed_is_kept_while_it_has_slots_or_no_successor(self):
        for change in [{"slots": "0-4909"}, {"name": "of-no-other"}]:
            def failed(cluster):
                self.lost(cluster)
                cluster.nodes["before"] |= change
                cluster.nodes["node-2"]["knows"] = ["before", *NODES]

            with self.member("node-2", failed) as cluster:
                self.turns(cluster, 3)
                self.assertNotIn("cluster forget id-of-before", cluster.nodes["node-2"]["changes"])

    def test_a_node_with_keys_follows_nobody(self):
        def full(cluster):
            self.lost(cluster)
            cluster.nodes["node-0"] |= {"keys": 3, "knows": ["before", *NODES]}

        with self.member("node-0", full) as cluster:
            self.turns(cluster, 4)
            self.assertFalse([change for change in cluster.nodes["node-0"]["changes"] if "replicate" in change])


class Ledger(unittest.TestCase):
    """The component of CloudNativePG."""

    spec = named(overlay("production"), "Cluster", "postgres")["spec"]

    def test_a_commit_is_on_two_disks(self):
        self.assertEqual(self.spec["postgresql"]["synchronous"],
                         {"method": "any", "number": 1, "dataDurability": "required"})
        self.assertGreaterEqual(self.spec["instances"], 3, "one may be away, and commits go on")
        self.assertEqual(self.spec["affinity"]["podAntiAffinityType"], "required")

    def test_the_worker_sees_how_far_standbys_are(self):
        (role,) = self.spec["managed"]["roles"]
        self.assertEqual(role["name"], self.spec["bootstrap"]["initdb"]["owner"])
        self.assertEqual(role["inRoles"], ["pg_monitor"])

    def test_its_image_is_named_exactly(self):
        self.assertRegex(self.spec["imageName"], r":\d+\.\d+-")


if __name__ == "__main__":
    unittest.main()
