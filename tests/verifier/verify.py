"""Checks published ballots: another program than Scrutin's own, written from docs/verification.md alone.

usage: verify.py FILE [--key KEY] [--proof FILE]… [--promise FILE]… [--checkpoint FILE]… [--seal FILE]…
It prints votes and faults; exit code 0: all holds; 1: something does not; 2: not everything could be checked."""

import argparse
import base64
import collections
import functools
import hashlib
import json
import pathlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

N, MARK, BLIND, DIGEST = "(0|[1-9][0-9]*)", "((?!0{32})[0-9a-f]{32})", "([0-9a-f]{32})", "([0-9a-f]{64})"
BALLOT = re.compile(f"{MARK},{MARK}?,(?:([a-z]+),{BLIND}|,{DIGEST})(?:,((?!1$)[1-9][0-9]*))?")
SUMS = f"ballots {N}\nvoters {N}\n"
SEAL = re.compile(f"scrutin seal 1\n(.+)\nversion {N}\nwording {DIGEST}\nclosed {N}\n((?:tree .+\n)*){SUMS}")
FIELDS = dict(scrutin=str, installation=str, poll=str, round=int, key=str, wordings=list, seal=str, result=str)
TERMS = dict(question=str, options=list, max_choices=int, changes=bool, access=str, publish=bool)
KINDS = ["proof", "promise", "checkpoint", "seal"]
bytes64 = functools.partial(base64.b64decode, validate=True)
faults, unchecked, kept = [], [], collections.defaultdict(list)


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
    if index >= size or size == 1 or not path:
        return leaf if (index, size, path) == (0, 1, []) else None
    left = 1 << (size - 1).bit_length() - 1
    below = proven_root(leaf, index % left, left if index < left else size - left, path[:-1])
    return below and sha(b"\1", *((below, path[-1]) if index < left else (path[-1], below)))


def opened(note, key):
    """The text of a note, and whether the key signed it."""
    body, lines = re.fullmatch("(.*\n)\n((?:— [^\n]+\n)+)", note, re.DOTALL).groups()
    name, key_id, public = key.split("+", 2)
    signatures = [(signer, bytes64(encoded)) for _, signer, encoded in map(str.split, lines.splitlines())]
    signed = [found[4:] for signer, found in signatures if (signer, found[:4].hex()) == (name, key_id)]
    kind, public = bytes64(public)[:1], bytes64(public)[1:]
    try:
        for signature in signed:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, body.encode())
    except InvalidSignature:
        signed = []
    return body, bool(signed) and (kind, key_id) == (b"\1", sha(name.encode(), b"\n\1", public)[:4].hex())


def read_seal(body):
    """Round, version, wording, trees (generation, size, root), ballots, voters."""
    round_name, version, wording, closed, lines, ballots, voters = SEAL.fullmatch(body).groups()
    lines = map(str.split, lines.splitlines())
    trees = [(int(generation), int(size), bytes64(sealed)) for _, _, generation, size, sealed in lines]
    list(map(integer, (version, closed, ballots, voters)))  # which fails for numbers of more than 64 bits
    return round_name, int(version), wording, trees, int(ballots), int(voters)


def keep(kind, name, note, key, seal_text):
    """Takes in what somebody has kept: roots at sizes, and leaves, by the origin of their tree."""
    head, note = note.split("\n\n", 1) if kind == "proof" else ("", note)
    body, signed = opened(note, key)
    if kind == "promise":
        origin, leaf = re.fullmatch(f"scrutin promise 1\n(.+/[0-9]+/[0-9]+)\nleaf {DIGEST}\n", body).groups()
        found = [(origin, None, bytes.fromhex(leaf))]
    elif kind == "seal":
        (here, published, _, sealed, *_), (round_name, version, _, trees, *_) = map(read_seal, (seal_text, body))
        found = [(f"{round_name}/{number}/{tree[0]}", *tree[1:]) for number, tree in enumerate(trees)]
        if body != seal_text and (round_name != here or version >= published or len(trees) != len(sealed)):
            (faults if round_name == here else unchecked).append(f"{name}: of another round, or it does not fit")
    else:
        origin, size, expected = re.fullmatch(f"(.+/[0-9]+/[0-9]+)\n{N}\n(.+)\n", body).groups()
        found = [(origin, int(size), bytes64(expected))]
    if kind == "proof":
        leaf, index, path = re.fullmatch(f"c2sp.org/tlog-proof@v1\nextra (.+)\nindex {N}((?:\n.+)*)", head).groups()
        leaf, *path = map(bytes64, (leaf, *path.split("\n")[1:]))
        found.append((origin, None, leaf))
        if proven_root(leaf, int(index), int(size), path) != bytes64(expected):
            faults.append(f"{name}: does not lead to its root")
    if not signed:
        return faults.append(f"{name}: not signed with the key")
    for origin, *what in found:
        kept[origin].append((name, *what))


def check_chains(ballots):
    """How many voters there are, of `mark: (replaces, counts)`."""
    replaced = [replaces for replaces, _ in ballots.values() if replaces]
    ends = ballots.keys() - set(replaced)
    reached = set()
    for mark in ends:
        while mark in ballots and mark not in reached:
            reached.add(mark)
            mark = ballots[mark][0]
    counting = {mark for mark, (_, counts) in ballots.items() if counts}
    if sorted(replaced) != sorted(ballots.keys() - ends) or len(reached) < len(ballots) or ends != counting:
        faults.append("ballots replace one that is not there, or each other, or do not count though none replaces them")
    return len(ends)


def check(lines, rest, arguments):
    header = json.loads(first := next(lines))
    name, key, known = "scrutin/{installation}/{poll}/{round}".format(**header), header["key"], arguments.key
    (seal_text, seal_signed), (result_text, result_signed) = opened(header["seal"], key), opened(header["result"], key)
    named = key.split("+")[0] == name.rsplit("/", 2)[0] and (known or key)[-44:] == key[-44:]  # the public key
    if not (seal_signed and result_signed and named):
        faults.append("the key, or what is signed with it")
    round_name, _, wording, trees, ballots, voters = read_seal(seal_text)
    rules = [(len(t["options"]), t["max_choices"], t["changes"], t["publish"], t["access"]) for t in header["wordings"]]
    digests = [
        sha(text("scrutin wording 1"), text(t["question"]), integer(len(t["options"])), *map(text, t["options"]),
            integer(t["max_choices"]), integer(t["changes"]), text(t["access"]), integer(t["publish"])).hex()
        for t in header["wordings"]
    ]
    sealed_rules = next((rule for digest, rule in zip(digests, rules) if digest == wording), rules[-1])
    options, most, changes, publish, _ = sealed_rules
    kinds = [[(field, type(value)) for field, value in fields.items()] for fields in (header, *header["wordings"])]
    exact = json.dumps(header, ensure_ascii=False, separators=(",", ":")) == first and 0 <= header["round"] < 1 << 32
    exact = exact and kinds == [list(FIELDS.items()), *[list(TERMS.items())] * len(rules)]
    exact = exact and all(0 < rule[0] <= 26 and 0 <= rule[1] < 256 for rule in rules)
    if not (exact and publish and wording in digests and round_name == name):
        faults.append("the header, the rules, the wordings, or what the seal is of")
    votes, chains = collections.Counter(), 0
    for kind, path in ((kind, path) for kind in KINDS for path in getattr(arguments, kind)):
        try:
            keep(kind, path, pathlib.Path(path).read_bytes().decode(), key, seal_text)
        except (ArithmeticError, AttributeError, ValueError):
            unchecked.append(f"{path}: not understood")
    for partition, (generation, size, sealed_root) in enumerate(trees):
        if next(lines) != f"tree {partition} {len(trees)} {generation} {size}":
            return faults.append(f"the tree of partition {partition} is not the sealed one")
        numbers = map(integer, (header["round"], partition, len(trees), generation))
        tree = sha(text("scrutin tree 1"), text(header["installation"]), text(header["poll"]), *numbers)
        origin, read, leaves = f"{name}/{partition}/{generation}", {}, []
        for _ in range(size):
            if not (match := BALLOT.fullmatch(line := next(lines))):
                return faults.append(f"not a ballot: {line}")
            mark, replaces, choices, blind, hidden, number = match.groups("")
            hidden = hidden or sha(text("scrutin choice 1"), bytes.fromhex(blind), text(choices)).hex()
            votes.update(choices)
            cast_for = int(number or 1) - 1
            fits = list(choices) == sorted(set(choices)) and len(choices) <= most and rules[cast_for] == sealed_rules
            if not fits or mark in read or not changes and (replaces or not choices):
                faults.append(f"a mark that is there twice, or a ballot that is not allowed: {mark}")
            read[mark] = replaces, bool(choices)
            named = map(bytes.fromhex, (mark, replaces or "0" * 32, hidden))
            leaves.append(sha(b"\0", tree, bytes.fromhex(digests[cast_for]), *named))
        for who, at, expected in [("the seal", size, sealed_root), *kept.pop(origin, [])]:
            if not (expected in leaves if at is None else at <= size and root(leaves[:at]) == expected):
                faults.append(f"{who}: partition {partition} lacks the ballot, or has another root at {at} ballots")
        chains += check_chains(read)
    sums = sum(size for _, size, _ in trees), chains, next(lines)
    said = "".join(f"votes {option} {votes[option]}\n" for option in "abcdefghijklmnopqrstuvwxyz"[:options])
    result = f"scrutin result 1\n{name}\nseal {sha(seal_text.encode()).hex()}\n{said}"
    sums_fit = sums == (ballots, voters, "end") and [*lines, rest] == [""]
    if not sums_fit or result_text != result or max(votes, default="a") >= chr(ord("a") + options):
        faults.append("the numbers of ballots, of voters, or of options, or the result")
    for origin, found in kept.items():
        round_name, partition, generation = origin.rsplit("/", 2)
        lacks = round_name == name and (int(partition) >= len(trees) or int(generation) > trees[int(partition)][0])
        (faults if lacks else unchecked).extend(f"{who}: its tree is not there" for who, *_ in found)
    print("votes", *[line.split(" ")[2] for line in said.splitlines()])


parser = argparse.ArgumentParser()
_ = parser.add_argument("file"), parser.add_argument("--key")
for kind_of_file in KINDS:
    parser.add_argument(f"--{kind_of_file}", action="append", default=[])
content = pathlib.Path((given := parser.parse_args()).file).read_bytes()
try:
    *whole, last = content.decode().split("\n") if content.startswith(b'{"scrutin":"published 1",') else [""]
    check(iter(whole), last, given)
except StopIteration:
    unchecked.append("the file is not whole, or is none of published ballots")
except Exception as error:  # whatever it stumbles over is not written as the page says
    faults.append(f"not written as the format says: {error!r}")
print(*faults, *[f"not checked: {what}" for what in unchecked], sep="\n")
sys.exit(1 if faults else 2 if unchecked else 0)
