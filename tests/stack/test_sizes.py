"""What pods ask for: the base fits a cluster on a laptop, and production is sure of what it needs."""

import unittest

import manifests
from manifests import containers, named, of_kind, overlay, plain, services, title

# Two cores, less what kind itself asks for (950m), a controller for Ingress and a metrics server (100m each).
LAPTOP_MILLICORES = 2000 - 950 - 100 - 100
LAPTOP_MEBIBYTES = 2048


def millicores(quantity):
    return int(quantity.removesuffix("m")) if quantity.endswith("m") else round(1000 * float(quantity))


def mebibytes(quantity):
    return int(quantity.removesuffix("Gi")) * 1024 if quantity.endswith("Gi") else int(quantity.removesuffix("Mi"))


def requests(workload):
    """What one pod asks for: millicores, and MiB."""
    asked = [container["resources"]["requests"] for container in containers(workload)]
    return sum(millicores(one["cpu"]) for one in asked), sum(mebibytes(one["memory"]) for one in asked)


def scaler(documents, workload):
    return named(documents, "HorizontalPodAutoscaler", workload["metadata"]["name"])


def most(documents, workload):
    """The most pods that there are of it: all replicas, and during an update one more."""
    scaled = scaler(documents, workload)
    replicas = scaled["spec"]["maxReplicas"] if scaled else workload["spec"]["replicas"]
    return replicas + (1 if workload["kind"] == "Deployment" else 0)


class Sizes(unittest.TestCase):
    def test_the_base_fits_a_laptop_with_all_its_replicas_and_during_an_update(self):
        documents = plain()
        whole = [(most(documents, workload), *requests(workload)) for workload in services(documents)]
        self.assertLessEqual(sum(pods * cores for pods, cores, _ in whole), LAPTOP_MILLICORES)
        self.assertLessEqual(sum(pods * memory for pods, _, memory in whole), LAPTOP_MEBIBYTES)

    def test_production_asks_for_much_more_than_the_base(self):
        base, production = plain(), overlay("production")
        for name in manifests.OURS:
            small, large = (requests(named(documents, "Deployment", name)) for documents in [base, production])
            self.assertGreaterEqual(large[0], 10 * small[0], name)
            self.assertGreaterEqual(large[1], 4 * small[1], name)

    def test_in_production_a_server_is_sure_of_all_the_memory_that_it_may_take(self):
        server = containers(named(overlay("production"), "StatefulSet", "redis-cluster"))[0]["resources"]
        self.assertEqual(server["requests"]["memory"], server["limits"]["memory"])

    def test_nothing_is_scaled_up_by_a_pod_that_has_little_to_do(self):
        # A share of a small request is soon reached: by a few screens, or by the garbage of a probe.
        for where, documents in manifests.installations().items():
            for scaled in of_kind(documents, "HorizontalPodAutoscaler"):
                workload = named(documents, "Deployment", scaled["spec"]["scaleTargetRef"]["name"])
                processor = next(m["resource"] for m in scaled["spec"]["metrics"] if m["resource"]["name"] == "cpu")
                target = processor["target"]
                threshold = (
                    millicores(target["averageValue"])
                    if target["type"] == "AverageValue"
                    else target["averageUtilization"] * requests(workload)[0] / 100
                )
                self.assertGreaterEqual(threshold, 100, f"{where}: {title(scaled)}")


if __name__ == "__main__":
    unittest.main()
