"""Reads the manifests as kubectl does, and answers questions about them. Asserts nothing itself."""

import copy
import functools
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ["production", "observability"]
OURS = ["vote", "worker", "result"]


def plain():
    """What `kubectl apply -f k8s/` applies: the YAML files of that folder, in the order of their names."""
    files = sorted(path for path in K8S.iterdir() if path.suffix in (".yaml", ".yml", ".json"))
    return [document for file in files for document in _read(file.read_text()) if document]


def built(directory):
    """What `kubectl kustomize` makes of a directory."""
    return _read(_kustomize(directory))


@functools.cache
def _kustomize(directory):
    return subprocess.run(["kubectl", "kustomize", str(directory)], check=True, capture_output=True, text=True).stdout


def _read(text):
    return copy.deepcopy(_parse(text))


@functools.cache
def _parse(text):
    return list(yaml.safe_load_all(text))


def overlay(name):
    return built(K8S / "overlays" / name)


MANAGED = (("components/redis-cluster\n", "components/managed-redis\n"),
           ("components/postgres-ha\n", "components/managed-postgres\n"))
GATEWAY = (("\ncomponents:\n", "\ncomponents:\n  - ../../components/gateway\n"), ("  - path: ingress.yaml\n", ""))
EXTERNAL_SECRETS = (("\ncomponents:\n", "\ncomponents:\n  - ../../components/external-secrets\n"),)


def production_with(*changes):
    """`overlays/production` with these changes of its kustomization.yaml, which the comments of components tell."""
    return _read(_production_with(changes))


@functools.cache
def _production_with(changes):
    with tempfile.TemporaryDirectory() as directory:
        copy_of_all = pathlib.Path(directory, "k8s")
        shutil.copytree(K8S, copy_of_all, symlinks=True)
        chosen = copy_of_all / "overlays" / "production" / "kustomization.yaml"
        text = chosen.read_text()
        for before, after in changes:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        chosen.write_text(text)
        return _kustomize(chosen.parent)


def managed():
    """`overlays/production` where both servers are managed elsewhere."""
    return production_with(*MANAGED)


def installations():
    """What can be installed, by name."""
    return {"k8s/": plain(), "production": overlay("production"), "managed": managed()}


def of_kind(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def without(documents, kind):
    return [document for document in documents if document["kind"] != kind]


def named(documents, kind, name):
    """The one document of this kind and name; None if there is none."""
    found = [document for document in of_kind(documents, kind) if document["metadata"]["name"] == name]
    assert len(found) <= 1, f"{kind}/{name} is there {len(found)} times"
    return found[0] if found else None


def workloads(documents):
    return of_kind(documents, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")


def services(documents):
    """Workloads that run for ever."""
    return [workload for workload in workloads(documents) if workload["kind"] != "Job"]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def pod(workload):
    return workload["spec"]["template"]["spec"]


def containers(workload):
    return pod(workload)["containers"] + pod(workload).get("initContainers", [])


def environment(container, documents):
    """A container's variables, as the kubelet makes them: of whole Secrets the later wins, and over those what is given
    singly. What is missing and not optional keeps a pod from starting."""
    variables = {}
    for source in container.get("envFrom", []):
        reference = source["secretRef"]
        secret = named(documents, "Secret", reference["name"])
        assert secret or reference.get("optional"), f"there is no Secret {reference['name']}"
        variables |= secret["stringData"] if secret else {}
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            variables[variable["name"]] = _value_from(variable["valueFrom"], documents)
        else:
            known = dict(variables)
            variables[variable["name"]] = re.sub(
                r"\$\((\w+)\)", lambda name: known.get(name[1], name[0]), variable["value"]
            )
    return variables


def _value_from(source, documents):
    ((field, reference),) = source.items()
    if field == "fieldRef":
        return f"<{reference['fieldPath']}>"
    kind, data = {"secretKeyRef": ("Secret", "stringData"), "configMapKeyRef": ("ConfigMap", "data")}[field]
    found = named(documents, kind, reference["name"])
    assert found and reference["key"] in found[data], f"there is no {reference}"
    return found[data][reference["key"]]


def title(document):
    return f"{document['kind']}/{document['metadata']['name']}"


def selects(selector, labels_of_pod):
    """Whether a label selector, as API objects have it, selects something with these labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels_of_pod.get(key) != value:
            return False
    for term in selector.get("matchExpressions") or []:
        value, operator = labels_of_pod.get(term["key"]), term["operator"]
        fits = {
            "In": value in term.get("values", []),
            "NotIn": value not in term.get("values", []),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[operator]
        if not fits:
            return False
    return True


def dashboard():
    return json.loads((K8S / "overlays" / "observability" / "dashboard.json").read_text())


def source(path):
    return (ROOT / path).read_text()


def rust_sources():
    files = [file for place in ["crates", *OURS] for file in (ROOT / place).glob("**/*.rs")]
    return "\n".join(file.read_text() for file in files if "tests" not in file.parts)
