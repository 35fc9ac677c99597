"""The manifests are valid for the API, hold what the brief names, and refer to one another rightly."""

import unittest

import kubernetes_validate

import manifests
from manifests import OURS, containers, labels, named, of_kind, overlay, plain, pod, rust_sources, title, workloads

# The oldest release that has all we use (`preStop.sleep`), and two that are supported today.
RELEASES = ["1.30", "1.35", "1.37"]
# Kinds of operators, for which there is no schema here (scripts/test-cluster asks a server that has CloudNativePG's),
# and the only overlay that has them.
CUSTOM = {"ServiceMonitor": "observability", "PrometheusRule": "observability", "Cluster": "production"}


class Validity(unittest.TestCase):
    def test_every_object_is_valid_in_three_releases_of_the_api(self):
        sets = {**manifests.installations(), "observability": overlay("observability")}
        for where, documents in sets.items():
            for document in documents:
                for release in RELEASES:
                    if document["kind"] in CUSTOM:
                        self.assertEqual(where, CUSTOM[document["kind"]], f"{title(document)} is a custom resource")
                        continue
                    with self.subTest(where=where, object=title(document), release=release):
                        kubernetes_validate.validate(document, release, strict=True)

    def test_the_plain_folder_holds_no_kustomization(self):
        names = {path.name for path in manifests.K8S.iterdir()}
        self.assertFalse(names & {"kustomization.yaml", "kustomization.yml", "Kustomization"})

    def test_the_plain_folder_and_the_base_of_the_overlays_are_the_same(self):
        base = manifests.built(manifests.K8S / "base")
        self.assertEqual(sorted(plain(), key=title), sorted(base, key=title))

    def test_the_namespace_comes_first_and_everything_lives_in_it(self):
        first, *others = plain()
        self.assertEqual(title(first), "Namespace/scrutin")
        for document in others:
            within = None if document["kind"] == "PriorityClass" else "scrutin"
            self.assertEqual(document["metadata"].get("namespace"), within, title(document))
            self.assertNotIn("generateName", document["metadata"])

    def test_every_service_of_the_brief_is_there_under_its_name(self):
        documents = plain()
        for name in [*OURS, "redis", "postgres"]:
            self.assertIsNotNone(named(documents, "Service", name), name)
        self.assertEqual(
            {workload["metadata"]["name"] for workload in workloads(documents)}, {*OURS, "redis", "postgres"}
        )
        for name in ["redis", "postgres"]:
            stateful = named(documents, "StatefulSet", name)
            claims = [claim["metadata"]["name"] for claim in stateful["spec"]["volumeClaimTemplates"]]
            mounted = [mount["name"] for mount in containers(stateful)[0]["volumeMounts"]]
            self.assertEqual(claims, ["data"])
            self.assertIn("data", mounted)

    def test_the_worker_has_no_port_but_its_admin_port(self):
        documents = plain()
        ports = containers(named(documents, "Deployment", "worker"))[0]["ports"]
        self.assertEqual([port["containerPort"] for port in ports], [9090])
        self.assertEqual([port["port"] for port in named(documents, "Service", "worker")["spec"]["ports"]], [9090])

    def test_no_service_of_vote_or_result_offers_the_admin_port(self):
        for documents in manifests.installations().values():
            for name in ["vote", "result"]:
                service = named(documents, "Service", name)
                self.assertEqual([port["targetPort"] for port in service["spec"]["ports"]], ["http"])
                self.assertEqual(service["spec"].get("type", "ClusterIP"), "ClusterIP")


class References(unittest.TestCase):
    """Everything that names something names what is there."""

    def all(self):
        yield from manifests.installations().items()

    def test_a_service_selects_the_pods_of_one_workload_at_a_port_they_have(self):
        for _, documents in self.all():
            for service in of_kind(documents, "Service"):
                chosen = [
                    w
                    for w in workloads(documents)
                    if manifests.selects({"matchLabels": service["spec"]["selector"]}, labels(w))
                ]
                self.assertEqual([w["metadata"]["name"] for w in chosen], [service["metadata"]["name"]])
                offered = {port["name"] for container in containers(chosen[0]) for port in container.get("ports", [])}
                for port in service["spec"]["ports"]:
                    self.assertIn(port["targetPort"], offered, title(service))

    def test_a_workload_selects_its_own_pods_only(self):
        for _, documents in self.all():
            for workload in manifests.services(documents):
                chosen = [w for w in workloads(documents) if manifests.selects(workload["spec"]["selector"], labels(w))]
                self.assertEqual(chosen, [workload])
                if workload["kind"] == "StatefulSet":
                    self.assertIsNotNone(named(documents, "Service", workload["spec"]["serviceName"]))

    def settings(self, documents):
        """What the pods take from ConfigMaps."""
        found = set()
        for workload in workloads(documents):
            for container in containers(workload):
                for source in container.get("envFrom", []):
                    self.assertNotIn("configMapRef", source, "a service gets what it needs, and not all there is")
                for variable in container.get("env", []):
                    reference = variable.get("valueFrom", {}).get("configMapKeyRef")
                    if reference:
                        found.add((reference["name"], reference["key"]))
        return found

    def test_every_setting_that_a_pod_takes_is_there_and_every_one_is_taken(self):
        for where, documents in self.all():
            there = {("scrutin", key) for key in named(documents, "ConfigMap", "scrutin")["data"]}
            self.assertEqual(self.settings(documents), there, where)

    def test_a_volume_takes_a_config_map_that_is_there_and_every_mount_a_volume(self):
        for _, documents in self.all():
            for workload in workloads(documents):
                volumes = {volume["name"] for volume in pod(workload).get("volumes", [])}
                volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
                mounts = {
                    mount["name"] for container in containers(workload) for mount in container.get("volumeMounts", [])
                }
                self.assertEqual(volumes, mounts, title(workload))
                for volume in pod(workload).get("volumes", []):
                    if "configMap" in volume:
                        self.assertIsNotNone(named(documents, "ConfigMap", volume["configMap"]["name"]))

    def test_production_brings_no_secret_and_nothing_of_the_demonstrations_servers(self):
        for documents in [overlay("production"), manifests.managed()]:
            self.assertFalse(of_kind(documents, "Secret", "PersistentVolumeClaim"))
            self.assertNotIn("replace-me", str(documents))
            names = {document["metadata"]["name"] for document in documents if document["kind"] != "Cluster"}
            self.assertFalse(names & {"redis", "postgres"})

    def test_where_servers_are_managed_elsewhere_there_is_none_of_ours(self):
        documents = manifests.managed()
        self.assertEqual({w["metadata"]["name"] for w in workloads(documents)}, set(OURS))
        self.assertFalse(of_kind(documents, "Cluster"))
        self.assertFalse([d for d in documents if "redis-cluster" in str(d) or "postgres-ha" in str(d)])

    def test_browsers_are_sent_to_the_hosts_that_the_ingress_serves(self):
        hosts = {"k8s/": {"vote": "vote.localhost", "result": "result.localhost"}}
        for where, documents in self.all():
            ingress, settings = of_kind(documents, "Ingress")[0], named(documents, "ConfigMap", "scrutin")["data"]
            served = {
                rule["http"]["paths"][0]["backend"]["service"]["name"]: rule["host"]
                for rule in ingress["spec"]["rules"]
            }
            scheme = "https" if "tls" in ingress["spec"] else "http"
            self.assertEqual(settings["VOTE_URL"], f"{scheme}://{served['vote']}")
            self.assertEqual(settings["RESULT_URL"], f"{scheme}://{served['result']}")
            self.assertEqual(served, hosts.get(where, served))
            if where != "k8s/":
                self.assertEqual(
                    {host for tls in ingress["spec"]["tls"] for host in tls["hosts"]}, set(served.values())
                )
            for rule in ingress["spec"]["rules"]:
                for path in rule["http"]["paths"]:
                    backend = path["backend"]["service"]
                    ports = named(documents, "Service", backend["name"])["spec"]["ports"]
                    self.assertIn(backend["port"]["name"], {port["name"] for port in ports})

    def test_a_gateway_serves_the_same_hosts_in_place_of_the_ingress(self):
        documents = manifests.production_with(*manifests.GATEWAY)
        self.assertFalse(of_kind(documents, "Ingress"))
        self.assertEqual(manifests.without(documents, "HTTPRoute"), manifests.without(overlay("production"), "Ingress"))
        base = manifests.built(manifests.ROOT / "tests" / "stack" / "kubernetes" / "gateway")
        hosts = {
            rule["http"]["paths"][0]["backend"]["service"]["name"]: rule["host"]
            for rule in of_kind(plain(), "Ingress")[0]["spec"]["rules"]
        }
        routes = {route["metadata"]["name"]: route["spec"] for route in of_kind(base, "HTTPRoute")}
        self.assertEqual({name: route["hostnames"] for name, route in routes.items()},
                         {name: [host] for name, host in hosts.items()})
        for name, route in routes.items():
            ((backend,),) = [rule["backendRefs"] for rule in route["rules"]]
            ports = {port["port"] for port in named(base, "Service", name)["spec"]["ports"]}
            self.assertEqual((backend["name"], {backend["port"]}), (name, ports))
            self.assertFalse(any("timeouts" in rule for rule in route["rules"]), "it would end WebSockets")

    def test_the_ingress_asks_no_particular_controller(self):
        for _, documents in self.all():
            for ingress in of_kind(documents, "Ingress"):
                self.assertFalse(ingress["metadata"].get("annotations"))
                self.assertNotIn("ingressClassName", ingress["spec"])

    def test_vote_and_result_are_scaled_and_nobody_else_sets_their_replicas(self):
        for where, documents in self.all():
            scaled = {}
            for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
                target = scaler["spec"]["scaleTargetRef"]
                deployment = named(documents, target["kind"], target["name"])
                self.assertNotIn("replicas", deployment["spec"])
                self.assertLess(scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"])
                scaled[target["name"]] = scaler["spec"]["minReplicas"]
            self.assertEqual(scaled.keys(), {"vote", "result"}, where)
            self.assertGreaterEqual(scaled["vote"], 2)
            self.assertGreaterEqual(scaled["result"], 3)
            self.assertGreaterEqual(named(documents, "Deployment", "worker")["spec"]["replicas"], 2)

    def test_a_disruption_budget_stands_before_each_workload_and_never_blocks_a_drain(self):
        for _, documents in self.all():
            covered = []
            for budget in of_kind(documents, "PodDisruptionBudget"):
                self.assertNotIn("minAvailable", budget["spec"])
                self.assertGreaterEqual(budget["spec"]["maxUnavailable"], 1)
                self.assertEqual(budget["spec"]["unhealthyPodEvictionPolicy"], "AlwaysAllow")
                covered += [
                    w["metadata"]["name"]
                    for w in manifests.services(documents)
                    if manifests.selects(budget["spec"]["selector"], labels(w))
                ]
            self.assertEqual(sorted(covered), sorted(w["metadata"]["name"] for w in manifests.services(documents)))

    def test_vote_and_result_believe_nobody_about_who_asked_until_they_are_told_whom(self):
        for where, documents in self.all():
            settings = named(documents, "ConfigMap", "scrutin")["data"]
            self.assertEqual((settings["TRUSTED_PROXIES"], settings["TRUSTED_HOPS"]), ("", "1"), where)
            for name in ["vote", "result"]:
                given = [v["name"] for v in containers(named(documents, "Deployment", name))[0]["env"]]
                self.assertLessEqual({"TRUSTED_PROXIES", "TRUSTED_HOPS"}, set(given), where)

    def test_pods_are_given_settings_that_the_programs_have(self):
        code = rust_sources()
        for where, documents in self.all():
            for name in OURS:
                for variable in containers(named(documents, "Deployment", name))[0]["env"]:
                    self.assertRegex(code, rf'env = "{variable["name"]}"', f"{where}: {name}")


if __name__ == "__main__":
    unittest.main()
