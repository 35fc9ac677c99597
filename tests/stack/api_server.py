"""As much of a Kubernetes API server as `kubectl apply` needs: it keeps objects, and applies no rule but one, that an
object's namespace must be there before it. Like the real one it answers 404 to what it does not have, so `kubectl`
creates what is new and patches what has changed. What it accepts is not thereby valid; test_manifests holds the objects
against the API's schemas.
"""

import contextlib
import http.server
import json
import threading

# Group and version, resource, kind, and whether it lives in a namespace. Only what every cluster has.
RESOURCES = [
    ("v1", "namespaces", "Namespace", False),
    ("v1", "serviceaccounts", "ServiceAccount", True),
    ("v1", "configmaps", "ConfigMap", True),
    ("v1", "secrets", "Secret", True),
    ("v1", "services", "Service", True),
    ("apps/v1", "deployments", "Deployment", True),
    ("apps/v1", "statefulsets", "StatefulSet", True),
    ("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", False),
    ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", True),
    ("networking.k8s.io/v1", "ingresses", "Ingress", True),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", True),
]


class Refused(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }


class ApiServer(http.server.ThreadingHTTPServer):
    """`objects` maps the path of each object to the object; `writes` lists what was asked, in order."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects, self.writes = {}, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def running():
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(self.read)

    def do_POST(self):
        self.answer(self.create)

    def do_PATCH(self):
        self.answer(self.patch)

    def answer(self, work):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        try:
            code, document = work(path, json.loads(body) if body else None)
        except Refused as refused:
            code, document = refused.status["code"], refused.status
        text = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def read(self, path, _):
        found = discovery(path) or self.server.objects.get(path)
        if found is None:
            raise Refused(404, "NotFound", f"{path} is not there")
        return 200, found

    def create(self, path, document):
        if path.startswith("/api/v1/namespaces/") or "/namespaces/" in path:
            namespace = "/api/v1/namespaces/" + path.split("/namespaces/")[1].split("/")[0]
            if namespace not in self.server.objects:
                raise Refused(404, "NotFound", f"{namespace} is not there")
        place = f"{path}/{document['metadata']['name']}"
        if place in self.server.objects:
            raise Refused(409, "AlreadyExists", f"{place} is there already")
        if document["kind"] == "Secret":
            document = {**document, "stringData": None}
        self.server.objects[place] = document
        self.server.writes.append(("POST", place))
        return 201, document

    def patch(self, path, change):
        self.server.writes.append(("PATCH", path))
        return 200, self.server.objects[path]

    def log_message(self, *_):
        pass


def discovery(path):
    if path == "/version":
        return {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    groups = sorted({version for version, *_ in RESOURCES if "/" in version})
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(version) for version in groups]}
    for version in ["v1", *groups]:
        if path == (f"/apis/{version}" if "/" in version else "/api/v1"):
            resources = [
                {
                    "name": name,
                    "singularName": "",
                    "namespaced": namespaced,
                    "kind": kind,
                    "verbs": ["create", "get", "patch"],
                }
                for at, name, kind, namespaced in RESOURCES
                if at == version
            ]
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
    return None


def group(version):
    entry = {"groupVersion": version, "version": version.split("/")[1]}
    return {"name": version.split("/")[0], "versions": [entry], "preferredVersion": entry}
