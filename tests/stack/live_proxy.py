"""nginx's configuration, tried by the real nginx: with traffic, and with services that come, go and move.

The services are two more nginx that answer with what they were asked. Needs the engine, no Rust.
"""

import http.client
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import engine
import manifests
from engine import address, ask, docker, wait

IMAGE, NETWORK, PROXY, PORT = "scrutin-test/proxy", "scrutin-test-proxy", "scrutin-test-proxy", 18480
SUBNET = "10.83.68.0/24"
BEHIND, PORT_BEHIND = "scrutin-test-proxy-behind", 18481
VOTE_HOSTS = ["vote.votes.fr", "vote.localhost"]
RESULT_HOSTS = ["results.votes.fr", "result.localhost", "results.localhost"]

# Answers with the headers that a service would see.
ECHO = r"""
pid /tmp/nginx.pid; error_log /dev/stderr warn; events {{ }}
http {{
  access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p;
  fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  server {{ listen 80; default_type application/json; large_client_header_buffers 4 16k;
    location /slow {{ limit_rate 1; return 200 "{{}}"; }}
    location /long {{ add_header X-Long "$http_x_long"; return 200 '{{"service":"{name}"}}'; }}
    location / {{ return 200 '{{"service":"{name}","host":"$http_host","for":"$http_x_forwarded_for",
      "forwarded":"$http_forwarded","upgrade":"$http_upgrade","connection":"$http_connection"}}'; }} }}
}}
"""


def start_service(name):
    """A container that is reached by this name, as Compose does it."""
    container = f"scrutin-test-{name}"
    docker("run", "--detach", "--rm", "--name", container, "--network", NETWORK, "--network-alias", name,
           "--env", "CONFIG=" + ECHO.format(name=name), "--entrypoint", "sh", IMAGE,
           "-c", 'printf %s "$CONFIG" >/tmp/echo.conf && exec nginx -c /tmp/echo.conf -g "daemon off;"')
    return container


def run_proxy(name, port, *options):
    """As compose.yaml runs it."""
    hardened = "--read-only --tmpfs /tmp:mode=1777 --cap-drop ALL --security-opt no-new-privileges:true"
    where = ["--name", name, "--network", NETWORK, "--publish", f"127.0.0.1:{port}:80"]
    docker("run", "--detach", *where, *hardened.split(), *options, IMAGE)


def clean_up():
    docker(
        "rm", "--force", PROXY, BEHIND, "scrutin-test-vote", "scrutin-test-result", "scrutin-test-squatter", check=False
    )
    docker("network", "rm", NETWORK, check=False)


def setUpModule():
    clean_up()
    unittest.addModuleCleanup(clean_up)
    docker("build", "--quiet", "--tag", IMAGE, "--build-arg=NGINX_IMAGE", str(manifests.ROOT / "proxy"), timeout=600)
    docker("network", "create", "--subnet", SUBNET, NETWORK)
    # No service is there.
    run_proxy(PROXY, PORT)
    try:
        wait("the proxy to listen", lambda: ask(PORT).status == 421, seconds=20)
    except AssertionError as error:
        said = docker("logs", PROXY)
        raise AssertionError(f"the proxy did not start: {said.stdout}{said.stderr}") from error


class Proxy(unittest.TestCase):
    def setUp(self):
        docker(
            "rm", "--force", BEHIND, "scrutin-test-vote", "scrutin-test-result", "scrutin-test-squatter", check=False
        )

    def both(self):
        start_service("vote")
        start_service("result")
        wait("both services", lambda: self.who("vote.localhost") == "vote" and self.who("result.localhost") == "result")

    @staticmethod
    def who(host, **more):
        answer = ask(PORT, host=host, **more)
        return answer.json()["service"] if answer.status == 200 else None

    @staticmethod
    def seen(host, port=PORT, path="/", **more):
        """What the service was asked. Each of nginx's processes looks names up for itself, so where one has found a
        service another may still try the address of the test before."""
        def answer():
            found = ask(port, path, host=host, **more)
            assert found.status == 200, (found.status, found.text)
            return found

        return wait(f"an answer of {host}", answer, seconds=20)

    def test_names_of_ones_own_are_served_as_operations_say(self):
        page = (manifests.ROOT / "docs" / "operations.md").read_text()
        command = re.search(r"^    (sed -i .* proxy/nginx\.conf)$", page, re.MULTILINE).group(1)
        self.both()
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            copied = shutil.copytree(manifests.ROOT / "proxy", pathlib.Path(directory, "proxy"))
            subprocess.run(["bash", "-c", command], cwd=directory, check=True)
            mounted = f"{copied / 'nginx.conf'}:/etc/nginx/nginx.conf:ro"
            run_proxy(BEHIND, PORT_BEHIND, "--volume", mounted)
            wait("the proxy to listen", lambda: ask(PORT_BEHIND).status == 421, seconds=20)
            for host, service in [("vote.example.org", "vote"), ("result.example.org", "result")]:
                self.assertEqual(self.seen(host, PORT_BEHIND).json()["service"], service)
            self.assertEqual(ask(PORT_BEHIND, host="vote.votes.fr").status, 421)

    def test_the_configuration_is_sound(self):
        docker("run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", IMAGE, "-t")

    def test_it_has_room_for_twenty_thousand_screens(self):
        config = docker("run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", IMAGE, "-T").stdout

        def number(directive):
            return int(re.search(rf"^\s*(?:events {{ )?{directive} (\d+);", config, re.MULTILINE).group(1))

        # Two connections for each, even if one of the processes has them all, and a file for each connection.
        self.assertGreaterEqual(number("worker_connections"), 2 * 20_000)
        self.assertGreater(number("worker_rlimit_nofile"), number("worker_connections"))

    def test_it_starts_without_the_services_and_says_so_in_two_languages(self):
        for host, words in [
            ("vote.votes.fr", ["not available", "indisponible"]),
            ("results.votes.fr", ["not available", "indisponibles"]),
        ]:
            answer = wait("the proxy", lambda: ask(PORT, host=host))
            self.assertEqual(answer.status, 503)
            self.assertEqual(answer.headers["Retry-After"], "2")
            for word in words:
                self.assertIn(word, answer.text)
        self.assertEqual(ask(PORT, host="vote.votes.fr", method="POST", body="vote=a").status, 503)

    def test_each_host_leads_to_its_service(self):
        self.both()
        for service, hosts in [("vote", VOTE_HOSTS), ("result", RESULT_HOSTS)]:
            for host in hosts:
                self.assertEqual(self.seen(host).json()["service"], service, host)
                self.assertEqual(
                    self.seen(f"{host}:{PORT}").json()["service"], service, "with a port, as browsers send it"
                )

    def test_any_other_host_is_refused(self):
        self.both()
        for host in [
            "votes.fr",
            "www.votes.fr",
            "evil.example",
            "localhost",
            "127.0.0.1",
            "vote.votes.fr.evil.example",
            "",
        ]:
            answer = ask(PORT, host=host)
            self.assertIn(answer.status, [400, 421], host)
            self.assertNotIn("service", answer.text)

    def test_a_request_without_a_host_is_refused(self):
        self.both()
        with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b" 421 ", connection.makefile("rb").readline())

    def test_a_service_is_found_again_at_another_address(self):
        self.both()
        before = address("scrutin-test-vote", NETWORK)
        docker("rm", "--force", "scrutin-test-vote")
        # Somebody else takes the address meanwhile, so that the service must come back at another.
        docker("run", "--detach", "--rm", "--name", "scrutin-test-squatter", "--network", NETWORK, "--ip", before,
               "--entrypoint", "sleep", IMAGE, "600")
        start_service("vote")
        self.assertNotEqual(address("scrutin-test-vote", NETWORK), before)
        wait("the proxy to find it", lambda: self.who("vote.localhost") == "vote", seconds=10)

    def test_the_host_is_passed_on_with_its_port(self):
        self.both()
        for host in ["vote.localhost", f"vote.localhost:{PORT}"]:
            self.assertEqual(self.seen(host).json()["host"], host)

    def test_a_host_that_did_not_choose_the_service_is_not_passed_on(self):
        self.both()
        self.seen("vote.localhost")
        with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
            head = b"GET http://vote.localhost/ HTTP/1.1\r\nHost: evil.example:81\r\nConnection: close\r\n\r\n"
            connection.sendall(head)
            answer = connection.makefile("rb").read().decode()
        self.assertIn('"host":"vote.localhost"', answer)

    def test_nobody_but_the_proxy_says_who_asked(self):
        self.both()
        forged = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
        seen = self.seen("vote.localhost", headers=forged).json()
        self.assertRegex(seen["for"], r"^\d+\.\d+\.\d+\.\d+$")
        self.assertNotEqual(seen["for"], "203.0.113.7")
        self.assertEqual(seen["forwarded"], "")

    def test_what_stands_before_the_proxy_can_be_named_and_is_believed(self):
        # As docs/operations.md says, for a machine that ends TLS.
        self.both()
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as before:
            before.write("set_real_ip_from 0.0.0.0/0;\nreal_ip_header X-Forwarded-For;\n")
            before.flush()
            os.chmod(before.name, 0o644)
            run_proxy(BEHIND, PORT_BEHIND, "--volume", f"{before.name}:/etc/nginx/before/tls.conf:ro")
            seen = self.seen("vote.localhost", port=PORT_BEHIND, headers={"X-Forwarded-For": "203.0.113.7"}).json()
        self.assertEqual(seen["for"], "203.0.113.7")

    def test_the_request_for_a_websocket_is_passed_on(self):
        self.both()
        asked = {"Upgrade": "websocket", "Connection": "Upgrade"}
        seen = self.seen("result.localhost", headers=asked).json()
        self.assertEqual((seen["upgrade"], seen["connection"]), ("websocket", "upgrade"))
        seen = self.seen("result.localhost").json()
        self.assertEqual((seen["upgrade"], seen["connection"]), ("", ""))

    def test_headers_may_be_as_long_as_the_cookies_of_thirty_polls(self):
        self.both()
        long = "x" * 6000
        self.assertEqual(self.seen("vote.localhost", path="/long", headers={"X-Long": long}).headers["X-Long"], long)

    def test_a_body_that_is_no_ballot_is_refused_before_it_is_sent_on(self):
        self.both()
        self.assertEqual(ask(PORT, host="vote.localhost", method="POST", body="x" * 65_537).status, 413)

    def test_a_slow_sender_is_not_waited_for(self):
        with socket.create_connection(("127.0.0.1", PORT), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: vote.lo")
            self.assertIn(connection.recv(1), [b"", b"H"], "closed, or told, within the time-out")

    def test_nothing_is_logged_that_is_worth_something_to_who_reads_it(self):
        secrets = {
            "code": "WORTH-ONE-VOTE",
            "token": "WORTH-THE-POLL",
            "referer": "WORTH-AS-MUCH",
            "receipt": "WORTH-A-LOOK",
        }
        asked = [
            (f"/p/lunch?code={secrets['code']}", "GET"),
            (f"/organise?token={secrets['token']}", "POST"),
            (f"/p/lunch/receipts/{secrets['receipt']}?lang=fr", "GET"),
            (f"/api/polls/lunch/receipts/{secrets['receipt']}", "GET"),
        ]

        def ask_all(mark):
            for path, method in [*asked, (f"/{mark}", "GET")]:
                for host in ["vote.localhost", "result.localhost", "elsewhere.example"]:
                    ask(
                        PORT,
                        path,
                        host=host,
                        method=method,
                        headers={"Referer": f"http://vote.localhost/?code={secrets['referer']}"},
                    )
            return wait("the log", lambda: (said := self.logged()).count(f"/{mark} ") >= 3 and said)

        ask_all("while-nobody-is-there")
        self.both()
        self.seen("vote.localhost", path=asked[0][0])
        said = ask_all("while-all-are-there")
        self.assertNotIn("WORTH", said)
        self.assertRegex(said, r'"GET /p/lunch HTTP/1.1" vote.localhost 503 .* upstream ')
        self.assertRegex(said, r'"GET /p/lunch HTTP/1.1" vote.localhost 200 .* upstream \S+:80 200')
        self.assertIn('"POST /organise HTTP/1.1"', said)
        self.assertIn('"GET /p/lunch/receipts/- HTTP/1.1"', said)
        self.assertIn('"GET /api/polls/lunch/receipts/- HTTP/1.1"', said)

    @staticmethod
    def logged():
        log = docker("logs", PROXY)
        return log.stdout + log.stderr

    def test_it_stops_in_time_while_screens_are_connected(self):
        self.both()
        run_proxy(BEHIND, PORT_BEHIND)
        self.seen("result.localhost", port=PORT_BEHIND)
        # An answer that takes minutes is to nginx what a WebSocket is: a request that does not end by itself.
        with socket.create_connection(("127.0.0.1", PORT_BEHIND), timeout=30) as screen:
            screen.sendall(b"GET /slow HTTP/1.1\r\nHost: result.localhost\r\n\r\n")
            wait("the service to be asked", lambda: self.connections(BEHIND) >= 2)
            docker("stop", "--time", "20", BEHIND)  # the `stop_grace_period` of compose.yaml
        self.assertEqual(engine.inspect("container", BEHIND)["State"]["ExitCode"], 0, "137: it was killed")

    @staticmethod
    def connections(container):
        """How many it has open from or to a port 80."""
        table = docker("exec", container, "cat", "/proc/net/tcp").stdout.splitlines()[1:]
        established = "01"
        return len([line for line in table if ":0050 " in line and line.split()[3] == established])

    def test_it_runs_as_a_user_that_is_not_root_and_is_healthy(self):
        processes = docker("top", PROXY, "-eo", "pid,uid,comm").stdout.splitlines()[1:]
        self.assertTrue(processes)
        self.assertEqual({line.split()[1] for line in processes}, {"101"})
        wait("health", lambda: engine.inspect("container", PROXY)["State"]["Health"]["Status"] == "healthy")

    def test_the_port_for_its_health_is_not_reachable_from_outside(self):
        connection = http.client.HTTPConnection(address(PROXY, NETWORK), 8079, timeout=3)
        with self.assertRaises(OSError):
            connection.request("GET", "/")


if __name__ == "__main__":
    unittest.main()
