"""As much of `valkey-cli` before a Redis Cluster as the scripts of k8s/components/redis-cluster use. A node learns at
once what another knows that it has met. `valkey-cli` and `getent` in the PATH of a script call this file; a node's
address is its name. It imports little, since it is started for each call."""

import json
import os
import sys

SLOTS = 16_384


def slot(key):
    """CRC-16/XMODEM of what stands between the braces."""
    checksum = 0
    for byte in key[key.index("{") + 1:key.index("}")].encode():
        checksum ^= byte << 8
        for _ in range(8):
            checksum = (checksum << 1) ^ (0x1021 if checksum & 0x8000 else 0)
        checksum &= 0xFFFF
    return checksum % SLOTS


class Cluster:
    """Nodes by name, in a file. A test changes `nodes` before a script runs, and reads it afterwards."""

    def __init__(self, file):
        self.file, self.nodes = file, {}
        if os.path.exists(file):
            self.read()

    def add(self, name, place="/", slots="", keys=0):
        node = {"id": f"id-of-{name}", "place": place, "slots": slots, "keys": keys, "follows": "", "knows": [name]}
        self.nodes[name] = {**node, "name": name, "failed": False, "changes": []}

    def read(self):
        with open(self.file) as file:
            self.nodes = json.load(file)

    def write(self):
        with open(f"{self.file}.new", "w") as file:
            json.dump(self.nodes, file)
        os.replace(f"{self.file}.new", self.file)

    def ask(self, name, *words):
        node, word = self.nodes[name], " ".join(words[:2]).lower()
        known = [self.nodes[other] for other in node["knows"]]
        assigned = sum(int(n["slots"].split("-")[1]) - int(n["slots"].split("-")[0]) + 1 for n in known if n["slots"])
        if words[0] == "ping":
            return "PONG"
        if words[0] == "dbsize":
            return str(node["keys"])
        if word == "cluster keyslot":
            return str(slot(words[2]))
        if word == "cluster myid":
            return node["id"]
        if word == "cluster info":
            state = "ok" if assigned == SLOTS else "fail"
            return (f"cluster_state:{state}\ncluster_slots_assigned:{assigned}\n"
                    f"cluster_known_nodes:{len(known)}\ncluster_size:3")
        if word == "cluster nodes":
            return "\n".join(self.line(self.nodes[other], other, other == name) for other in node["knows"])
        if word == "info replication":
            return "role:slave\nmaster_link_status:up" if node["follows"] else "role:master"
        if word == "config get":
            return f"availability-zone\n{node['place']}"
        return self.change(node, name, word, words)

    @staticmethod
    def line(node, name, myself):
        flags = ("myself," if myself else "") + ("slave" if node["follows"] else "master")
        flags, link = (flags + ",fail", "disconnected") if node["failed"] else (flags, "connected")
        follows = node["follows"] or "-"
        return f"{node['id']} {name}:6379@16379,{node['name']} {flags} {follows} 0 0 0 {link} " + node["slots"]

    def change(self, node, name, word, words):
        node["changes"].append(" ".join(words))
        if word == "cluster addslotsrange":
            node["slots"] = f"{words[2]}-{words[3]}"
        elif word == "cluster meet":
            together = sorted({*node["knows"], *self.nodes[words[2]]["knows"]})
            for other in together:
                self.nodes[other]["knows"] = together
        elif word == "cluster replicate":
            if node["slots"] or node["keys"]:
                return "ERR To set a master the node must be empty and without assigned slots."
            node["follows"] = words[2]
        elif word == "cluster forget":
            node["knows"] = [other for other in node["knows"] if self.nodes[other]["id"] != words[2]]
        elif word != "cluster set-config-epoch":
            raise SystemExit(f"what is {words}?")
        return "OK"


def main():
    program, *words = sys.argv[1:]
    if program == "getent":
        print(words[1], words[1])
        return
    cluster = Cluster(os.environ["FAKE_CLUSTER"])
    name = os.environ["NAME"] if words[1] == "127.0.0.1" else words[1]
    print(cluster.ask(name, *words[2:]))
    cluster.write()


if __name__ == "__main__":
    main()
