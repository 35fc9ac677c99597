"""Secrets: the demonstration's are public and overruled by an operator's, which no manifest holds; a pod gets what it
needs."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import urllib.parse

import manifests
import test_compose as compose
from manifests import OURS, containers, environment, named, of_kind, overlay, plain, title, workloads

DEMONSTRATION = "-demonstration"
# What an operator makes, as docs/operations.md says.
OWN = {
    "scrutin": {"SECRET_KEY": "k" * 48, "ORGANISER_TOKEN": "t" * 24},
    "redis": {"REDIS_PASSWORD": "own-r", "REDIS_URL": "redis://:own-r@redis:6379"},
    "postgres": {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": "own-p",
                 "DATABASE_URL": "postgres://postgres:own-p@postgres:5432/postgres"},
}
# Who takes from which of them.
TAKEN = {
    "vote": {"scrutin", "redis"},
    "worker": {"redis", "postgres"},
    "result": {"scrutin", "postgres"},
    "redis": {"redis"},
    "postgres": {"postgres"},
    "redis-cluster": {"redis"},
    "redis-cluster-create": {"redis"},
}
# Those of overlays/production that pods take (its kustomization.yaml lists them); CloudNativePG takes the rest.
OWN_WHERE_MANAGED = {
    ("scrutin", "SECRET_KEY"),
    ("scrutin", "ORGANISER_TOKEN"),
    ("redis", "REDIS_URL"),
    ("postgres", "DATABASE_URL"),
}
OWN_IN_PRODUCTION = OWN_WHERE_MANAGED | {("redis", "REDIS_PASSWORD")}
NODES = [f"redis-cluster-{number}.redis-cluster" for number in range(6)]


def made(secrets):
    return [{"kind": "Secret", "metadata": {"name": name}, "stringData": data} for name, data in secrets.items()]


def environments(documents):
    """workload → the variables of its only container."""
    return {w["metadata"]["name"]: environment(containers(w)[0], documents) for w in workloads(documents)}


class Secrets(unittest.TestCase):
    def test_no_manifest_holds_a_secret_that_an_operator_makes(self):
        # Or the next `kubectl apply` would bring the public values back.
        for where, documents in {**manifests.installations(), "observability": overlay("observability")}.items():
            names = {secret["metadata"]["name"] for secret in of_kind(documents, "Secret")}
            self.assertEqual(names, {name + DEMONSTRATION for name in OWN} if where == "k8s/" else set(), where)

    def test_a_pod_takes_the_secrets_that_it_needs_and_the_operators_behind_the_demonstrations(self):
        for workload in workloads(plain()):
            for container in containers(workload):
                references = [source["secretRef"] for source in container["envFrom"]]
                wanted = TAKEN[workload["metadata"]["name"]]
                public = [reference for reference in references if reference["name"].endswith(DEMONSTRATION)]
                own = references[len(public):]
                self.assertEqual(references[:len(public)], public, "of two the later wins")
                self.assertEqual({reference["name"] for reference in public}, {name + DEMONSTRATION for name in wanted})
                self.assertEqual({reference["name"] for reference in own}, wanted, title(workload))
                self.assertTrue(all(reference["optional"] for reference in own), "what nobody has made is passed over")
                singly = [v for v in container.get("env", []) if "secretKeyRef" in v.get("valueFrom", {})]
                self.assertEqual(singly, [], "it would win over everything")

    def test_an_operators_own_values_are_those_that_count(self):
        before, after = environments(plain()), environments(plain() + made(OWN))
        for name in before:
            self.assertIn("replace-me", str(before[name]), name)
            self.assertNotIn("replace-me", str(after[name]), name)
            self.assertEqual(after[name].keys(), before[name].keys())
            for secret in TAKEN[name]:
                self.assertLessEqual(OWN[secret].items(), after[name].items(), name)

    def test_servers_and_services_have_the_same_passwords(self):
        for documents in [plain(), plain() + made(OWN)]:
            given = environments(documents)
            for name in ["vote", "worker"]:
                redis = urllib.parse.urlsplit(given[name]["REDIS_URL"])
                self.assertEqual(
                    (redis.hostname, redis.port, redis.password), ("redis", 6379, given["redis"]["REDIS_PASSWORD"])
                )
            for name in ["worker", "result"]:
                postgres, server = urllib.parse.urlsplit(given[name]["DATABASE_URL"]), given["postgres"]
                self.assertEqual((postgres.hostname, postgres.port, postgres.username, postgres.password),
                                 ("postgres", 5432, server["POSTGRES_USER"], server["POSTGRES_PASSWORD"]))
            self.assertEqual(given["redis"]["REDISCLI_AUTH"], given["redis"]["REDIS_PASSWORD"])
            for key in ["SECRET_KEY", "ORGANISER_TOKEN"]:
                self.assertEqual(given["vote"][key], given["result"][key])

    def test_redis_is_given_its_password_where_nobody_else_reads_it(self):
        # Both ways to run it, by a `redis-server` that says what it was given.
        kubernetes = containers(named(plain(), "StatefulSet", "redis"))[0]["command"]
        redis = compose.services("compose.prod.yaml")["redis"]
        composed = [*redis["entrypoint"], *(part.replace("$$", "$") for part in redis["command"])]
        for command in [kubernetes, composed]:
            with tempfile.TemporaryDirectory() as directory:
                stub = pathlib.Path(directory, "redis-server")
                stub.write_text('#!/bin/sh\nprintf "arguments: %s\\n" "$*"\ncat\n')
                stub.chmod(0o755)
                own = {"PATH": f"{directory}:{os.environ['PATH']}", "REDIS_PASSWORD": "own-r"}
                ran = subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout
            arguments, configuration = ran.split("\n", 1)
            self.assertNotIn("own-r", arguments)
            self.assertTrue(arguments.endswith(" -"), "its configuration goes on at its standard input")
            self.assertIn("requirepass own-r\n", configuration)

    def test_no_secret_stands_in_the_arguments_of_a_program(self):
        secret = re.compile(r"\$\(\w*(PASSWORD|SECRET|TOKEN|URL)\w*\)")
        for documents in manifests.installations().values():
            for workload in workloads(documents):
                for container in containers(workload):
                    for part in [*container.get("command", []), *container.get("args", [])]:
                        self.assertIsNone(secret.search(part), title(workload))

    def test_the_demonstration_says_what_it_is(self):
        for secret in of_kind(plain(), "Secret"):
            self.assertIn("scrutin/replace-me", secret["metadata"]["annotations"])
            self.assertTrue([value for value in secret["stringData"].values() if "replace-me" in value])
            self.assertEqual(
                secret["stringData"].keys(), OWN[secret["metadata"]["name"].removesuffix(DEMONSTRATION)].keys()
            )
        scrutin = named(plain(), "Secret", "scrutin" + DEMONSTRATION)["stringData"]
        self.assertGreaterEqual(len(scrutin["SECRET_KEY"]), 32)
        self.assertGreaterEqual(len(scrutin["ORGANISER_TOKEN"]), 16)

    def test_in_production_no_pod_starts_without_every_secret_of_the_operators(self):
        for documents, wanted in [
            (overlay("production"), OWN_IN_PRODUCTION),
            (manifests.managed(), OWN_WHERE_MANAGED),
        ]:
            taken = set()
            for workload in workloads(documents):
                for container in containers(workload):
                    found = self.references(container)
                    self.assertEqual({reference["name"] for reference in found}, TAKEN[workload["metadata"]["name"]])
                    taken |= {(reference["name"], reference["key"]) for reference in found}
            self.assertEqual(taken, wanted)

    def references(self, container):
        """The keys of Secrets that it takes, none of them left out if it is missing."""
        self.assertNotIn("envFrom", container, "a key that is missing would be passed over")
        found = [v["valueFrom"]["secretKeyRef"] for v in container["env"] if "secretKeyRef" in v.get("valueFrom", {})]
        self.assertFalse([reference for reference in found if reference.get("optional")])
        return found

    def test_in_production_our_programs_get_what_they_get_plainly(self):
        # But for the password of the server, which stands in the URL.
        plainly, servers = environments(plain()), {"REDIS_PASSWORD", "POSTGRES_USER", "POSTGRES_PASSWORD"}
        for documents in [overlay("production"), manifests.managed()]:
            given = environments(documents + made(OWN))
            for name in OURS:
                self.assertEqual(given[name].keys(), plainly[name].keys() - servers)

    def test_a_store_of_secrets_makes_those_of_production_whole(self):
        documents = manifests.production_with(*manifests.EXTERNAL_SECRETS)
        (store,), made = of_kind(documents, "SecretStore"), {}
        for external in of_kind(documents, "ExternalSecret"):
            spec = external["spec"]
            self.assertEqual(spec["secretStoreRef"], {"kind": "SecretStore", "name": store["metadata"]["name"]})
            values = {data["secretKey"]: f"<{data['remoteRef']['property']}>" for data in spec["data"]}
            template = spec.get("target", {}).get("template")
            made[external["metadata"]["name"]] = {
                key: re.sub(r"\{\{ \.(\w+) \}\}", lambda name: values[name[1]], text)
                for key, text in (template["data"] if template else values).items()
            }
        keys = {(name, key) for name, data in made.items() for key in data}
        self.assertEqual(keys, OWN_IN_PRODUCTION | {("postgres", "username"), ("postgres", "password")})
        self.assertEqual(made["redis"]["REDIS_URL"], f"redis+cluster://:<redis-password>@{','.join(NODES)}")
        self.assertEqual(made["redis"]["REDIS_PASSWORD"], "<redis-password>")
        self.assertEqual(made["postgres"]["DATABASE_URL"],
                         "postgres://scrutin:<postgres-password>@postgres-rw:5432/scrutin?sslmode=require")
        self.assertEqual((made["postgres"]["username"], made["postgres"]["password"]),
                         ("scrutin", "<postgres-password>"))

    def test_the_page_on_operations_makes_every_secret_whole(self):
        page = manifests.source("docs/operations.md")
        for name, data in OWN.items():
            command = page[page.index(f"kubectl -n scrutin create secret generic {name} "):]
            command = command[:command.index("kubectl apply -f -")]
            for key in data:
                self.assertIn(f"--from-literal={key}=", command, name)

    def test_the_page_on_operations_makes_every_secret_of_production_whole(self):
        page = manifests.source("docs/operations.md")
        page = page[page.index("## Secrets of production"):]
        page = page[:page.index("\n## ", 1)]
        for name, key in OWN_IN_PRODUCTION | {("postgres", "username"), ("postgres", "password")}:
            command = page[page.index(f"create secret generic {name} "):]
            self.assertIn(f"--from-literal={key}=", command[:command.index("kubectl apply -f -")], name)
        self.assertIn("@postgres-rw:5432/scrutin?sslmode=require", page)
        nodes = "$(seq -s, -f 'redis-cluster-%g.redis-cluster' 0 5)"
        self.assertIn(f'REDIS_URL="redis+cluster://:$redis@{nodes}"', page)
        made = subprocess.run(["sh", "-c", f"echo {nodes}"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(made.strip().split(","), NODES)


if __name__ == "__main__":
    unittest.main()
