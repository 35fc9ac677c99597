"""Checks published ballots: another program than Scrutin's own, written from docs/verification.md alone.

usage: verify.py FILE [--key KEY] [--proof FILE]… [--promise FILE]… [--checkpoint FILE]… [--seal FILE]…
It prints votes and faults; exit code 0: all holds; 1: something does not; 2: not everything could be checked."""

import argparse
import base64
import collections
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NUMBER, MARK, DIGEST = "(0|[1-9][0-9]*)", "([0-9a-f]{32})", "([0-9a-f]{64})"
BALLOT = re.compile(f"{MARK},{MARK}?,(?:([a-z]+),{MARK}|,{DIGEST})(?:,((?!1$)[1-9][0-9]*))?")
SEAL = re.compile(
    f"scrutin seal 1\n(.+)\nversion {NUMBER}\nwording {DIGEST}\nclosed {NUMBER}\n"
    f"((?:tree .+\n)*)ballots {NUMBER}\nvoters {NUMBER}\n"
)
KINDS = ["proof", "promise", "checkpoint", "seal"]
faults, unchecked = [], []
roots_kept, leaves_kept = collections.defaultdict(list), collections.defaultdict(list)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def integer(number):
    return int(number).to_bytes(8, "big")


def text(value):
    return integer(len(value.encode())) + value.encode()


def root(leaves):
    """The root above these leaves, by RFC 6962."""
    left = 1 << max(len(leaves) - 1, 0).bit_length() >> 1
    return sha(b"\1", root(leaves[:left]), root(leaves[left:])) if left else leaves[0] if leaves else sha()


def proven_root(leaf, index, size, path):
    """The root to which a leaf leads, by RFC 6962; none if the path is too long or too short."""
    if index >= size or (size == 1) != (not path):
        return None
    if size == 1:
        return leaf
    left = 1 << (size - 1).bit_length() - 1
    below = proven_root(leaf, index % left, left if index < left else size - left, path[:-1])
    return below and sha(b"\1", *((below, path[-1]) if index < left else (path[-1], below)))


def opened(note, key):
    """The text of a note, and whether the key signed it."""
    body, lines = note.rsplit("\n\n", 1)
    name, key_id, public = key.split("+", 2)
    public, signed = base64.b64decode(public)[1:], []
    for line in lines.splitlines():
        _, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if (signer, signature[:4].hex()) == (name, key_id):
            signed.append(signature[4:])
    try:
        for signature in signed:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, (body + "\n").encode())
    except InvalidSignature:
        signed = []
    expected = [name, sha(name.encode(), b"\n\1", public)[:4].hex(), base64.b64encode(b"\1" + public).decode()]
    return body + "\n", bool(signed) and key == "+".join(expected)


def read_seal(body):
    """Round, version, wording, trees (generation, size, root), ballots, voters."""
    round_name, version, wording, _, lines, ballots, voters = SEAL.fullmatch(body).groups()
    trees = [(int(line.split(" ")[2]), int(line.split(" ")[3]), line.split(" ")[4]) for line in lines.splitlines()]
    return round_name, int(version), wording, trees, int(ballots), int(voters)


def keep(kind, name, note, key, seal_text):
    """Takes in what somebody has kept: roots at sizes and leaves, by the origin of their tree."""
    head, note = note.split("\n\n", 1) if kind == "proof" else ("", note)
    body, signed = opened(note, key)
    if not signed:
        faults.append(f"{name}: not signed with the key")
    elif kind == "promise":
        origin, leaf = re.fullmatch(f"scrutin promise 1\n(.+)\nleaf {DIGEST}\n", body).groups()
        leaves_kept[origin].append((name, bytes.fromhex(leaf)))
    elif kind == "seal":
        (round_name, version, _, trees, _, _), (published_round, published, *_) = read_seal(body), read_seal(seal_text)
        if round_name == published_round and (version > published or version == published and body != seal_text):
            faults.append(f"{name}: of a later close than the published seal, or another of the same close")
        for partition, (generation, size, expected) in enumerate(trees):
            roots_kept[f"{round_name}/{partition}/{generation}"].append((name, size, expected))
    else:
        origin, size, expected, _ = body.split("\n")
        roots_kept[origin].append((name, int(size), expected))
    if signed and kind == "proof":
        first, extra, index, *path = head.split("\n")
        leaf, path = base64.b64decode(extra.removeprefix("extra ")), [base64.b64decode(line) for line in path]
        proven = proven_root(leaf, int(index.removeprefix("index ")), int(size), path) or b""
        leaves_kept[origin].append((name, leaf))
        if first != "c2sp.org/tlog-proof@v1" or base64.b64encode(proven).decode() != expected:
            faults.append(f"{name}: does not lead to its root")


def check_chains(ballots):
    """How many voters there are, of `mark: (replaces, counts)`."""
    replaced = [replaces for replaces, _ in ballots.values() if replaces]
    ends = ballots.keys() - set(replaced)
    reached = set()
    for mark in ends:
        while mark in ballots and mark not in reached:
            reached.add(mark)
            mark = ballots[mark][0]
    if len(set(replaced)) != len(replaced) or not set(replaced) <= ballots.keys() or len(reached) < len(ballots):
        faults.append("a ballot is replaced twice, or is not there, or ballots replace each other in a circle")
    if ends != {mark for mark, (_, counts) in ballots.items() if counts}:
        faults.append("a ballot counts though it is replaced, or does not though it is not")
    return len(ends)


def check(lines, arguments):
    if lines[-2:] != ["end", ""]:
        return unchecked.append("the file is not whole")
    header, first, lines = json.loads(lines[0]), lines[0], iter(lines[1:])
    name, key, kept = "scrutin/{installation}/{poll}/{round}".format(**header), header["key"], arguments.key
    (seal_text, seal_signed), (result_text, result_signed) = opened(header["seal"], key), opened(header["result"], key)
    named = key.split("+")[0] == name.rsplit("/", 2)[0] and (kept or key)[-44:] == key[-44:]  # the public key
    if not (seal_signed and result_signed and named):
        faults.append("the key, or what is signed with it")
    round_name, _, wording, trees, ballots, voters = read_seal(seal_text)
    digests = [
        sha(text("scrutin wording 1"), text(t["question"]), integer(len(t["options"])), *map(text, t["options"]),
            integer(t["max_choices"]), integer(t["changes"]), text(t["access"]), integer(t["publish"]))
        for t in header["wordings"]
    ]
    rules = [(len(t["options"]), t["max_choices"], t["changes"], t["publish"], t["access"]) for t in header["wordings"]]
    sealed_rules = next((rule for digest, rule in zip(digests, rules) if digest.hex() == wording), rules[-1])
    options, most, changes, publish, _ = sealed_rules
    if not publish or wording not in [digest.hex() for digest in digests] or round_name != name:
        faults.append("the rules, the wordings, or what the seal is of")
    if json.dumps(header, ensure_ascii=False, separators=(",", ":")) != first or header["scrutin"] != "published 1":
        faults.append("the header")
    votes, chains = collections.Counter(), 0
    for kind in KINDS:
        for path in getattr(arguments, kind):
            try:
                with open(path, encoding="utf-8") as file:
                    keep(kind, path, file.read(), key, seal_text)
            except (ValueError, AttributeError):
                unchecked.append(f"{path}: not understood")
    for partition, (generation, size, sealed_root) in enumerate(trees):
        if next(lines) != f"tree {partition} {len(trees)} {generation} {size}":
            return faults.append(f"the tree of partition {partition} is not the sealed one")
        numbers = map(integer, (header["round"], partition, len(trees), generation))
        tree = sha(text("scrutin tree 1"), text(header["installation"]), text(header["poll"]), *numbers)
        origin, read, leaves = f"{name}/{partition}/{generation}", {}, []
        for line in (next(lines) for _ in range(size)):
            if not (match := BALLOT.fullmatch(line)):
                return faults.append(f"not a ballot: {line}")
            mark, replaces, choices, blind, hidden, number = match.groups()
            if choices:
                hidden = sha(text("scrutin choice 1"), bytes.fromhex(blind), text(choices)).hex()
                if list(choices) != sorted(set(choices)) or len(choices) > most:
                    faults.append(f"a ballot that is not allowed: {mark}")
                votes.update(choices)
            cast_for = int(number or 1) - 1
            if mark in read or not changes and (replaces or not choices) or rules[cast_for] != sealed_rules:
                faults.append(f"a mark that is there twice, or a change or a wording that is not allowed: {mark}")
            read[mark] = replaces, bool(choices)
            named = map(bytes.fromhex, (mark, replaces or "0" * 32, hidden))
            leaves.append(sha(b"\0", tree, digests[cast_for], *named))
        for who, at, expected in [("the seal", size, sealed_root), *roots_kept.pop(origin, [])]:
            if at > size or base64.b64encode(root(leaves[:at])).decode() != expected:
                faults.append(f"{who}: partition {partition} has another root at {at} ballots")
        missing = (who for who, leaf in leaves_kept.pop(origin, []) if leaf not in leaves)
        faults.extend(f"{who}: the ballot is not there" for who in missing)
        chains += check_chains(read)
    sums = sum(size for _, size, _ in trees), chains, next(lines)
    if sums != (ballots, voters, "end") or list(lines) != [""] or max(votes, default="a") >= chr(ord("a") + options):
        faults.append("the numbers of ballots, of voters, or of options")
    said = "".join(f"votes {option} {votes[option]}\n" for option in "abcdefghijklmnopqrstuvwxyz"[:options])
    if result_text != f"scrutin result 1\n{name}\nseal {sha(seal_text.encode()).hex()}\n{said}":
        faults.append("the result")
    unchecked.extend(who for others in (roots_kept, leaves_kept) for found in others.values() for who, *_ in found)
    print("votes", *[line.split(" ")[2] for line in said.splitlines()])


parser = argparse.ArgumentParser()
_ = parser.add_argument("file"), parser.add_argument("--key")
for kind_of_file in KINDS:
    parser.add_argument(f"--{kind_of_file}", action="append", default=[])
with open((given := parser.parse_args()).file, encoding="utf-8", newline="") as published:
    check(published.read().split("\n"), given)
print(*faults, *[f"not checked: {what}" for what in unchecked], sep="\n")
sys.exit(1 if faults else 2 if unchecked else 0)
