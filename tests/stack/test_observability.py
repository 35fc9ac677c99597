"""Alerts, dashboard and scraping fit the programs."""

import re
import unittest

import manifests
from manifests import OURS, containers, named, of_kind, overlay, plain, rust_sources

# What the cluster's own exporters tell: the kubelet, and kube-state-metrics.
CLUSTER = {
    "container_memory_rss",
    "kube_deployment_status_replicas_available",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
}
# Labels that Prometheus and the cluster add.
ADDED = {"job", "pod", "namespace", "le", "container", "deployment", "persistentvolumeclaim"}


def labels_of(expression):
    matched = {
        label for body in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*(?:=|!)", body)
    }
    grouped = {label.strip() for body in re.findall(r"\bby \(([^)]*)\)", expression) for label in body.split(",")}
    return matched | grouped


class Observability(unittest.TestCase):
    def setUp(self):
        self.documents = overlay("observability")

    def expressions(self):
        rules = of_kind(self.documents, "PrometheusRule")[0]["spec"]["groups"]
        yield from (rule["expr"] for group in rules for rule in group["rules"])
        for panel in manifests.dashboard()["panels"]:
            yield from (target["expr"] for target in panel.get("targets", []))

    def test_alerts_and_dashboard_speak_only_of_metrics_that_the_programs_have(self):
        code, spoken_of = rust_sources(), set()
        for expression in self.expressions():
            bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\b(by|on|without) \([^)]*\)", "", expression)
            spoken_of |= set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", bare)) - {"histogram_quantile"}
        self.assertGreaterEqual(len(spoken_of), 15)
        self.assertLessEqual(CLUSTER, spoken_of)
        for metric in spoken_of - CLUSTER:
            name = re.sub(r"_bucket$", "", metric)
            self.assertIn(f'"{name}"', code, f"no program has the metric {name}")

    def test_alerts_and_dashboard_speak_only_of_labels_that_there_are(self):
        code, spoken_of = rust_sources(), set().union(*map(labels_of, self.expressions()))
        self.assertLessEqual({"status", "method", "route", "partition", "outcome", "reason"}, spoken_of)
        for label in spoken_of - ADDED:
            self.assertIn(f'"{label}"', code, f"nothing has the label {label}")

    def test_a_legend_names_labels_that_its_expression_leaves(self):
        for panel in manifests.dashboard()["panels"]:
            for target in panel.get("targets", []):
                named_here = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                left = labels_of(target["expr"]) if " by (" in target["expr"] else ADDED
                self.assertLessEqual(named_here, left, panel["title"])

    def test_every_service_is_scraped_at_its_admin_port(self):
        monitor = of_kind(self.documents, "ServiceMonitor")[0]["spec"]
        for name in OURS:
            service = named(plain(), "Service", name)
            self.assertTrue(manifests.selects(monitor["selector"], service["metadata"]["labels"]), name)
            ports = [port["containerPort"] for port in containers(named(plain(), "Deployment", name))[0]["ports"]]
            self.assertIn(monitor["endpoints"][0]["targetPort"], ports)
        for name in ["redis", "postgres"]:
            labels_of_service = named(plain(), "Service", name)["metadata"]["labels"]
            self.assertFalse(manifests.selects(monitor["selector"], labels_of_service), name)

    def test_every_alert_says_what_people_see_and_how_bad_it_is(self):
        for group in of_kind(self.documents, "PrometheusRule")[0]["spec"]["groups"]:
            for rule in group["rules"]:
                self.assertIn(rule["labels"]["severity"], ["critical", "warning"])
                self.assertEqual(rule["annotations"].keys(), {"summary", "description"})

    def test_the_dashboard_is_found_by_grafana_and_its_panels_do_not_overlap(self):
        config = of_kind(self.documents, "ConfigMap")[0]
        self.assertEqual(config["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(config["data"].keys(), {"scrutin.json"})
        taken, ids = set(), set()
        for panel in manifests.dashboard()["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            self.assertNotIn(panel["id"], ids)
            taken |= cells
            ids.add(panel["id"])


if __name__ == "__main__":
    unittest.main()
