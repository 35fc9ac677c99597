"""The Docker engine and HTTP, for the tests that run containers. Asserts nothing itself."""

import http.client
import json
import subprocess
import time


def run(*command, check=True, timeout=120, **options):
    """A command's result; with `check`, an error that shows what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


def inspect(kind, name):
    return json.loads(docker(kind, "inspect", name).stdout)[0]


def address(container, network=None):
    """The container's address in a network, or in the only one."""
    networks = inspect("container", container)["NetworkSettings"]["Networks"]
    return (networks[network] if network else next(iter(networks.values())))["IPAddress"]


def wait(what, condition, seconds=60, pause=0.2):
    """Waits until `condition` gives something true, and returns that. An `AssertionError`, a failed connection, or an
    answer that is not the JSON that was expected means not yet."""
    deadline, last = time.monotonic() + seconds, None
    while True:
        try:
            found = condition()
            if found:
                return found
            last = found
        except (AssertionError, OSError, ValueError, http.client.HTTPException) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for: {what}; at last: {last!r}")
        time.sleep(pause)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    def json(self):
        return json.loads(self.text)


def ask(port, path="/", host="localhost", method="GET", body=None, headers=None, timeout=10, address="127.0.0.1"):
    """One HTTP request to a port of this machine, or of another, in the name of any host. Follows no redirect."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        sent = {"Host": host, **(headers or {})}
        if body is not None and "Content-Type" not in sent:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body=body, headers=sent)
        return Answer(connection.getresponse())
    finally:
        connection.close()
