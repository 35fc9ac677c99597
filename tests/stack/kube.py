"""kubectl, and what the tests on a real Kubernetes ask of it: the base applied, its pods, votes through the Ingress.
Asserts nothing but what it waits for.

`scripts/test-cluster` has loaded the images and says where the Ingress is."""

import contextlib
import json
import os
import subprocess
import time

import engine
import manifests
from engine import run, wait

HERE = manifests.ROOT / "tests" / "stack" / "kubernetes"
SERVERS = ["redis", "postgres"]
HOST, _, PORT = os.environ.get("INGRESS", "127.0.0.1:80").rpartition(":")
# How long anything may take on a machine that does other work too.
SLOW = 300


def kubectl(*arguments, **options):
    return run("kubectl", *arguments, **{"timeout": 600, **options}).stdout


def ours(*arguments, **options):
    return kubectl("--namespace", "scrutin", *arguments, **options)


def get(*arguments):
    return json.loads(ours("get", *arguments, "--output", "json"))


def pods(name):
    """The pods of a workload that are not about to go."""
    found = get("pods", "--selector", f"app.kubernetes.io/name={name}")["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def wait_ready(*names):
    """Until the workloads are as they should be: all replicas ready, and no pod on its way out."""
    for name in names:
        kind = "statefulset" if name in SERVERS else "deployment"
        ours("rollout", "status", f"{kind}/{name}", f"--timeout={SLOW}s")
    wait(f"only ready pods of {', '.join(names)}", lambda: all(map(settled, names)), SLOW, pause=1)


def settled(name):
    found = get("pods", "--selector", f"app.kubernetes.io/name={name}")["items"]
    # A new Deployment has one pod, until the autoscaler has seen it.
    scaler = manifests.named(manifests.plain(), "HorizontalPodAutoscaler", name)
    least = scaler["spec"]["minReplicas"] if scaler else 1
    ready = all(is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in found)
    return ready and len(found) >= least


def apply_base():
    """Exactly the command of the README; waits until everything is ready."""
    said = kubectl("apply", "--filename", "k8s/", cwd=manifests.ROOT)
    wait_ready(*manifests.OURS, *SERVERS)
    return said


def ask(path="/", name="vote", method="GET", body=None, headers=None, timeout=10):
    """One request through the Ingress or the Gateway."""
    host = f"{name}.localhost"
    return engine.ask(int(PORT), path, host, method, body, headers, timeout, address=HOST)


def tally():
    answer = ask("/api/polls/main/tally", "result")
    assert answer.status == 200, (answer.status, answer.text)
    return answer.json()


def recount():
    """What the worker says of ledger and ballots; fails where they differ."""
    done = subprocess.run(["kubectl", "--namespace", "scrutin", "exec", "deployment/worker", "--", "/app/worker",
                           "recount"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def admin(pod, path):
    """What a pod says at its operator's address."""
    name = pod["metadata"]["name"]
    return kubectl("get", "--raw", f"/api/v1/namespaces/scrutin/pods/{name}:9090/proxy{path}")


@contextlib.contextmanager
def taking(what):
    """Says how long it took."""
    begun = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - begun:.1f} s")


def say(line):
    print(f"    {line}", flush=True)
