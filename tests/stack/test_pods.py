"""One test for each sentence about pods: user, rights, probes, resources, token, updates."""

import functools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import manifests
from manifests import OURS, containers, labels, named, of_kind, overlay, plain, pod, source, title, workloads


def for_each_container(check):
    """Runs a test on every container of everything that can be installed."""

    @functools.wraps(check)
    def test(self):
        for where, documents in manifests.installations().items():
            self.assertGreaterEqual(len(workloads(documents)), 3)
            for workload in workloads(documents):
                for container in containers(workload):
                    with self.subTest(where=where, workload=title(workload), container=container["name"]):
                        check(self, workload, container)

    return test


class Pods(unittest.TestCase):
    def test_the_namespace_enforces_the_restricted_standard(self):
        for documents in manifests.installations().values():
            namespace = named(documents, "Namespace", "scrutin")
            self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")

    @for_each_container
    def test_a_pod_runs_as_a_numeric_user_that_is_not_root(self, workload, container):
        context = {**pod(workload)["securityContext"], **container["securityContext"]}
        self.assertTrue(context["runAsNonRoot"])
        self.assertGreater(context["runAsUser"], 0)
        self.assertGreater(context["runAsGroup"], 0)

    @for_each_container
    def test_our_own_programs_run_as_65532(self, workload, container):
        if workload["metadata"]["name"] in OURS:
            self.assertEqual(pod(workload)["securityContext"]["runAsUser"], 65532)

    @for_each_container
    def test_a_container_has_no_capabilities_and_gets_no_privileges(self, workload, container):
        context = container["securityContext"]
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertNotIn("privileged", context)

    @for_each_container
    def test_a_container_can_not_write_to_its_image(self, workload, container):
        self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True)

    @for_each_container
    def test_a_pod_keeps_to_the_system_calls_of_the_runtime(self, workload, container):
        self.assertEqual(pod(workload)["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})

    @for_each_container
    def test_a_pod_shares_nothing_with_its_node(self, workload, container):
        spec = pod(workload)
        self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & spec.keys())
        kinds = {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"}
        self.assertLessEqual(kinds, {"configMap", "emptyDir"})
        self.assertFalse([port for port in container.get("ports", []) if "hostPort" in port])

    @for_each_container
    def test_a_pod_has_a_service_account_of_its_own_and_no_token(self, workload, container):
        self.assertEqual(pod(workload)["serviceAccountName"], workload["metadata"]["name"])
        self.assertIs(pod(workload)["automountServiceAccountToken"], False)

    def test_there_is_a_service_account_for_each_workload_and_none_may_do_anything(self):
        for documents in manifests.installations().values():
            accounts = of_kind(documents, "ServiceAccount")
            self.assertEqual({account["metadata"]["name"] for account in accounts},
                             {workload["metadata"]["name"] for workload in workloads(documents)})
            for account in accounts:
                self.assertIs(account["automountServiceAccountToken"], False, title(account))
            self.assertFalse(of_kind(documents, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"))

    @for_each_container
    def test_kubernetes_adds_no_variables_of_its_own(self, workload, container):
        # REDIS_PORT and the like are made from Services, and would be taken for settings.
        self.assertIs(pod(workload)["enableServiceLinks"], False)

    @for_each_container
    def test_a_container_asks_for_resources_and_is_limited(self, workload, container):
        for kind in ["requests", "limits"]:
            self.assertEqual(container["resources"][kind].keys(), {"cpu", "memory"})

    @for_each_container
    def test_every_container_that_runs_for_ever_is_watched_by_three_probes(self, workload, container):
        if workload["kind"] == "Job":
            return
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
            self.assertIn(probe, container)

    @for_each_container
    def test_our_programs_are_probed_at_their_admin_port(self, workload, container):
        if workload["metadata"]["name"] not in OURS:
            return
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.assertEqual(ports["admin"], 9090)
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ["startup", "readiness", "liveness"]}
        self.assertEqual({probe["port"] for probe in asked.values()}, {"admin"})
        self.assertEqual({kind: probe["path"] for kind, probe in asked.items()},
                         {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"})

    @for_each_container
    def test_an_update_takes_no_replica_away_before_another_is_ready(self, workload, container):
        if workload["kind"] == "Deployment":
            update = workload["spec"]["strategy"]["rollingUpdate"]
            self.assertEqual(update["maxUnavailable"], 0)
            self.assertGreaterEqual(update["maxSurge"], 1)

    @for_each_container
    def test_the_grace_time_covers_the_pause_before_the_stop_and_the_drain(self, workload, container):
        drain = re.search(r"\bdrain: Duration::from_secs\((\d+)\)", source("crates/listener/src/limits.rs"))
        self.assertIsNotNone(drain, "crates/listener says how long it drains")
        margin_seconds = 5
        name = workload["metadata"]["name"]
        if name not in ["vote", "result"]:
            self.assertGreaterEqual(pod(workload)["terminationGracePeriodSeconds"], 30)
            return
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        # With 5 s a rollout at 400 ballots/s, on a node without a core to spare, gave 142 answers 502.
        self.assertGreaterEqual(pause, 15, "balancers need a while to hear of it")
        needed = pause + int(drain.group(1)) + margin_seconds
        self.assertGreaterEqual(pod(workload)["terminationGracePeriodSeconds"], needed)

    @for_each_container
    def test_replicas_are_spread_over_nodes_and_zones(self, workload, container):
        if workload["kind"] != "Deployment":
            return
        constraints = pod(workload)["topologySpreadConstraints"]
        self.assertEqual({constraint["topologyKey"] for constraint in constraints},
                         {"kubernetes.io/hostname", "topology.kubernetes.io/zone"})
        for constraint in constraints:
            self.assertTrue(manifests.selects(constraint["labelSelector"], labels(workload)))

    def test_servers_find_a_place_before_everything_else(self):
        for where, documents in manifests.installations().items():
            self.assertIsNotNone(named(documents, "PriorityClass", "scrutin-data"), where)
            for workload in workloads(documents):
                wanted = "scrutin-data" if workload["kind"] == "StatefulSet" else None
                self.assertEqual(pod(workload).get("priorityClassName"), wanted, f"{where}: {title(workload)}")
            for cluster in of_kind(documents, "Cluster"):
                self.assertEqual(cluster["spec"]["priorityClassName"], "scrutin-data")
        priority = named(plain(), "PriorityClass", "scrutin-data")
        self.assertGreater(priority["value"], 0)
        self.assertFalse(priority.get("globalDefault"))
        self.assertEqual(priority.get("preemptionPolicy", "PreemptLowerPriority"), "PreemptLowerPriority")

    def test_a_server_that_starts_is_looked_for_every_second(self):
        for documents in manifests.installations().values():
            for workload in manifests.of_kind(documents, "StatefulSet"):
                probe = containers(workload)[0]["startupProbe"]
                self.assertEqual(probe["periodSeconds"], 1, title(workload))
                self.assertGreaterEqual(probe["failureThreshold"], 300, "a long file takes minutes to load")

    def test_the_probe_of_a_starting_redis_looks_again_by_itself(self):
        command = containers(named(plain(), "StatefulSet", "redis"))[0]["startupProbe"]["exec"]["command"]
        for answers, code in [(["LOADING", "", "PONG"], 0), (["LOADING"] * 50, 1)]:
            with tempfile.TemporaryDirectory() as directory:
                pathlib.Path(directory, "answers").write_text("\n".join(answers))
                stub = pathlib.Path(directory, "redis-cli")
                stub.write_text(f"#!/bin/sh\ncd {directory}\nhead -n1 answers\nsed -i 1d answers\n")
                stub.chmod(0o755)
                environment = {"PATH": f"{directory}:{os.environ['PATH']}"}
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, code, (answers, done.stdout))

    @for_each_container
    def test_images_are_named_exactly(self, workload, container):
        self.assertRegex(container["image"], r"(:[0-9][\w.-]+|@sha256:[0-9a-f]{64})$")

    def test_in_production_images_are_named_by_digest(self):
        for documents in [overlay("production"), manifests.managed()]:
            for workload in workloads(documents):
                for container in containers(workload):
                    self.assertRegex(container["image"], r"@sha256:[0-9a-f]{64}$")

    def test_redis_writes_before_it_answers_and_drops_nothing(self):
        config = named(plain(), "ConfigMap", "redis")["data"]["redis.conf"]
        directives = dict(line.split(None, 1) for line in config.splitlines() if line and not line.startswith("#"))
        self.assertEqual(directives["appendonly"], "yes")
        self.assertEqual(directives["appendfsync"], "always")
        self.assertEqual(directives["maxmemory-policy"], "noeviction")
        stateful = named(plain(), "StatefulSet", "redis")
        mounts = {mount["name"]: mount["mountPath"] for mount in containers(stateful)[0]["volumeMounts"]}
        self.assertEqual(directives["dir"], mounts["data"])
        limit = containers(stateful)[0]["resources"]["limits"]["memory"]
        self.assertLess(int(directives["maxmemory"].removesuffix("mb")), 0.7 * 1024 * int(limit.removesuffix("Gi")))


if __name__ == "__main__":
    unittest.main()
