"""What the trees cost, by which anyone can check a count."""

import json
import subprocess

from suite.servers import RELEASE
from suite.table import Row, at_least, at_most


def trees(run):
    """The count with trees against the count without, and proofs at many ballots against few."""
    voters = 100_000 if run.quick else 1_000_000
    without, grown = ([], []), ([], [])
    for number in range(run.rounds):
        run.progress(f"trees, round {number + 1}")
        for rates, flags in ((without, []), (grown, ["--trees"])):
            for rates_of_round, rate in zip(rates, counted(run, voters, *flags)["rates"]):
                rates_of_round.append(rate)
    yield Row("ballots counted with trees, new voters, against without", grown[0], at_least(0.85), "/s", without[0])
    work = "the same where every voter changes, with trees against without"
    yield Row(work, grown[1], at_least(0.85), "/s", without[1])

    sizes = (1_000, 100_000) if run.quick else (10_000, 10_000_000)
    few, many = [], []
    for number in range(1 if run.quick else min(run.rounds, 3)):
        for proofs, ballots in ((few, sizes[0]), (many, sizes[1])):
            run.progress(f"proofs at {ballots:,} ballots, round {number + 1}")
            proofs.append(counted(run, ballots, "--trees", "--rounds=1")["proof_us"])
    yield Row(
        f"proof of a receipt at {sizes[1]:,} ballots, against {sizes[0]:,}", many, at_most(1.5), " µs", few
    )


def counted(run, voters, *flags):
    """What `count-trees` says of an empty database."""
    with run.database() as database:
        command = [RELEASE / "count-trees", "--database-url", database, "--voters", str(voters), *flags]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
