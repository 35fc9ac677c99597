"""The servers and our programs, as one run of the benchmarks needs them."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from suite.programs import Program, fail, free_address, get, processor_seconds, sum_of_metric, until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE = TARGET / "release"
TOOLS = ROOT / "target" / "tools"
SECRET = "a secret for measuring, of more than 32 bytes"
TOKEN = "the organiser of measurements"

# Every write on disk before its answer, as Scrutin asks for it.
ALWAYS_ON_DISK = (
    "--appendonly yes --appendfsync always --maxmemory-policy noeviction --daemonize no --bind 127.0.0.1".split()
)


class Run:
    """One run: its directory, its servers, its settings."""

    def __init__(self, quick):
        self.quick = quick
        self.rounds = 1 if quick else 5
        self.seconds = 2 if quick else 8
        self.programs = []
        self.databases = 0
        self.cluster = None
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="scrutin-bench-"))
        # PostgreSQL runs as somebody else, who must be able to pass.
        self.directory.chmod(0o711)

    def close(self):
        for program in reversed(self.programs):
            program.stop()
        if self.cluster:
            self.cluster.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def progress(self, text):
        print(f"  {text}", file=sys.stderr, flush=True)

    def program(self, name, command, **environment):
        program = Program(self.directory, name, command, **environment)
        self.programs.append(program)
        return program

    def redis(self):
        """A Redis of its own, and its address."""
        host, port = free_address().split(":")
        files = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        command = ["redis-server", "--port", port, "--dir", files, "--save", "", *ALWAYS_ON_DISK]
        server = self.program("redis", command)
        until("redis-server", lambda: socket.create_connection((host, int(port))).close() is None)
        return server, f"redis://{host}:{port}"

    @contextlib.contextmanager
    def database(self):
        """An empty database of its own."""
        self.cluster = self.cluster or Cluster(self.directory / "cluster")
        self.databases += 1
        name = f"bench_{self.databases}"
        self.cluster.sql(f"CREATE DATABASE {name}")
        yield f"{self.cluster.url.rsplit('/', 1)[0]}/{name}"
        self.cluster.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def service(self, name, **environment):
        """One of ours, ready; its public and its operator's address."""
        listen, admin = free_address(), free_address()
        own = {"LISTEN_ADDR": listen, "ADMIN_ADDR": admin, "SECRET_KEY": SECRET, "ORGANISER_TOKEN": TOKEN}
        program = self.program(name, [RELEASE / name], **own, LOG="warn", **environment)
        until(f"{name} to be ready", lambda: get(f"http://{admin}/readyz"))
        return program, f"http://{listen}", f"http://{admin}"

    def constant(self):
        """The server that answers everything with the same 200."""
        listen = free_address()
        program = self.program("constant", [RELEASE / "constant", "--listen-addr", listen])
        until("constant", lambda: get(f"http://{listen}"))
        return program, f"http://{listen}"

    def scrutin(self, data):
        """The all-in-one on this directory, and its two addresses."""
        vote, result = free_address(), free_address()
        command = [RELEASE / "scrutin", "--data-dir", data, "--vote-addr", vote, "--result-addr", result]
        program = self.program("scrutin", command, LOG="warn")
        until("scrutin", lambda: get(f"http://{vote}/"), every=0.001)
        return program, f"http://{vote}", f"http://{result}"

    @contextlib.contextmanager
    def services(self, **environment):
        """One of each service on a Redis and a database of their own."""
        server, redis = self.redis()
        with self.services_on(redis, **environment) as of:
            yield {**of, "server": server}
        server.stop()

    @contextlib.contextmanager
    def services_on(self, redis, **environment):
        """One of each service on this log and a database of their own."""
        with self.database() as database:
            worker = self.service("worker", REDIS_URL=redis, DATABASE_URL=database, **environment)
            result = self.service("result", DATABASE_URL=database, MAX_VIEWERS=20_000)
            vote = self.service("vote", REDIS_URL=redis, **environment)
            # It is ready as soon as it can cast the ballots of one partition.
            ready = lambda: sum_of_metric(get(f"{vote[2]}/metrics").decode(), "scrutin_log_partition_ready")
            until("all partitions to be ready", lambda: ready() >= environment.get("PARTITIONS", 1))
            yield {"vote": vote, "worker": worker, "result": result, "redis": redis, "database": database}
            for program, _, _ in (vote, result, worker):
                program.stop()


class Cluster:
    """The run's PostgreSQL, which writes to disk for real."""

    def __init__(self, directory):
        self.directory = directory
        self.script = subprocess.Popen(
            [ROOT / "scripts/test-postgres", directory, "sh", "-c", 'echo "$SCRUTIN_TEST_PG"; exec cat >/dev/null'],
            env={**os.environ, "SCRUTIN_TEST_PG_FSYNC": "on"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self.url = self.script.stdout.readline().decode().strip()
        if not self.url:
            fail("PostgreSQL does not start")
        self.sql("ALTER SYSTEM SET shared_buffers = '512MB'", "ALTER SYSTEM SET max_wal_size = '4GB'")
        subprocess.run([directory / "ctl", "restart"], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def processor_seconds(self):
        return processor_seconds(int((self.directory / "data/postmaster.pid").read_text().split()[0]))

    def sql(self, *commands):
        arguments = [part for command in commands for part in ("-c", command)]
        subprocess.run(["psql", "-qX", self.url, *arguments], check=True, stdout=subprocess.DEVNULL)

    def close(self):
        self.script.stdin.close()
        self.script.wait()
