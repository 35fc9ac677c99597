"""A Valkey Cluster of three primaries on this machine, some with replicas, and what happens to its machines."""

import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from suite.programs import fail, free_address, until
from suite.servers import ALWAYS_ON_DISK, TOOLS

# It has WAITAOF. `scripts/install-test-tools` installs it.
VALKEY = TOOLS / "bin" / "valkey-server"
PRIMARIES = 3
SLOTS = 16_384
# After so long without a sign of a node, the others take it for dead.
NODE_TIMEOUT_MS = 2_000


class Node:
    """A server of its own, of a cluster or alone."""

    def __init__(self, run, *arguments):
        if not VALKEY.exists():
            fail(f"{VALKEY} is missing: scripts/install-test-tools")
        self.host, self.port = free_address().split(":")
        self.files = pathlib.Path(tempfile.mkdtemp(dir=run.directory))
        quick = ["--repl-diskless-sync-delay", "0", "--save", ""]
        command = [VALKEY, "--port", self.port, "--dir", self.files, *quick, *ALWAYS_ON_DISK, *arguments]
        self.program = run.program("valkey", command)
        self.answers()

    def answers(self):
        until("valkey-server", lambda: socket.create_connection((self.host, int(self.port))).close() is None)

    def ask(self, *words):
        """What it answers, without an end of line; an error too."""
        command = ["redis-cli", "-h", self.host, "-p", self.port, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def kill_and_wipe(self):
        """Ends the process at once, and loses the disk."""
        self.program.process.kill()
        self.program.process.wait()
        shutil.rmtree(self.files)
        self.files.mkdir()

    def start_again(self):
        self.program.start()
        self.answers()


class ValkeyCluster:
    """Three primaries, each with so many replicas; partition p is at primary p mod 3."""

    def __init__(self, run, replicas, partitions):
        self.nodes = [self.node(run) for _ in range(PRIMARIES * (1 + replicas))]
        self.primaries = self.nodes[:PRIMARIES]
        self.owner = {}
        for partition in range(partitions):
            slot = int(self.nodes[0].ask("CLUSTER", "KEYSLOT", f"{{scrutin:{partition}}}"))
            self.owner[slot] = self.primaries[partition % PRIMARIES]
        for epoch, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch + 1)
            self.nodes[0].ask("CLUSTER", "MEET", node.host, node.port, node.bus_port)
        for primary in self.primaries:
            # Each has some: only primaries with slots decide who is dead.
            owner = lambda slot: self.owner.get(slot, self.primaries[slot * PRIMARIES // SLOTS])
            mine = [slot for slot in range(SLOTS) if owner(slot) is primary]
            primary.ask("CLUSTER", "ADDSLOTS", *mine)
        for number, node in enumerate(self.nodes[PRIMARIES:]):
            self.follow(node, self.primaries[number % PRIMARIES].ask("CLUSTER", "MYID"))
        until("the cluster", lambda: all(self.is_ready(node) for node in self.nodes))

    def node(self, run):
        bus_port = free_address().split(":")[1]
        of_cluster = ["--cluster-enabled", "yes", "--cluster-port", bus_port]
        node = Node(run, *of_cluster, "--cluster-node-timeout", str(NODE_TIMEOUT_MS))
        node.bus_port = bus_port
        return node

    def is_ready(self, node):
        known = f"cluster_known_nodes:{len(self.nodes)}"
        state = node.ask("CLUSTER", "INFO")
        replica = node not in self.primaries
        follows = not replica or "master_link_status:up" in node.ask("INFO", "replication")
        return "cluster_state:ok" in state and known in state and follows

    def follow(self, node, primary):
        """Makes it a replica of the node with this id, as soon as it knows it."""
        until("a replica to follow", lambda: node.ask("CLUSTER", "REPLICATE", primary) == "OK")

    def url(self):
        return "redis+cluster://" + ",".join(f"{node.host}:{node.port}" for node in self.nodes)

    def lose(self, slot):
        """The machine of the slot's primary is lost with its disk. An empty one takes its place at once, and follows
        whoever is promoted."""
        lost, other = self.owner[slot], next(node for node in self.primaries if node is not self.owner[slot])
        lost.kill_and_wipe()
        lost.start_again()
        lost.ask("CLUSTER", "MEET", other.host, other.port, other.bus_port)
        promoted = until("a replica to be promoted", lambda: owner_of(slot, other.ask("CLUSTER", "NODES")))
        self.follow(lost, promoted)

    def processor_seconds(self):
        return sum(node.program.processor_seconds() for node in self.nodes)

    def stop(self):
        for node in self.nodes:
            node.program.stop()


def owner_of(slot, nodes):
    """The id of the living primary that has the slot, in an answer to `CLUSTER NODES`."""
    for line in nodes.splitlines():
        id, _, flags, _, _, _, _, link, *slots = line.split()
        alive = "master" in flags and "fail" not in flags and (link == "connected" or "myself" in flags)
        ranges = [part.split("-") for part in slots if not part.startswith("[")]
        if alive and any(int(ends[0]) <= slot <= int(ends[-1]) for ends in ranges):
            return id
    return None


def seconds_until_taken(cast, since, patience=60):
    """How long after `since` the first ballot is taken again. `cast` tries once."""
    while time.monotonic() - since < patience:
        if cast():
            return time.monotonic() - since
        time.sleep(0.01)
    fail(f"no ballot was taken for {patience} s")
