"""How many ballots `worker` counts."""

import subprocess

from suite.load import begin_log, counting, fill
from suite.servers import RELEASE
from suite.table import Row, at_least


def count(run):
    """worker from a full log against plain inserts of the same rows."""
    voters = 100_000 if run.quick else 1_000_000
    ours, reference = ([], []), ([], [])
    for number in range(run.rounds):
        run.progress(f"count, round {number + 1}")
        with run.database() as database:
            server, redis = run.redis()
            begin_log(run, redis, database)
            for round_of_voting in range(2):
                fill(voters, round_of_voting, 0, redis_url=redis)
                ours[round_of_voting].append(counting(run, redis, database, voters))
            server.stop()
        with run.database() as database:
            for rates, rate in zip(reference, plain_inserts(database, voters)):
                rates.append(rate)
    plain = "against plain `INSERT … SELECT unnest`"
    yield Row(f"ballots counted by `worker`, new voters, {plain}", ours[0], at_least(0.6), "/s", reference[0])
    yield Row(f"the same where every voter changes, {plain}", ours[1], at_least(0.45), "/s", reference[1])


def plain_inserts(database, voters):
    """Ballots a second of the first and of the second round of voting."""
    command = [RELEASE / "insert-reference", "--database-url", database, "--voters", str(voters)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(rate) for rate in said.split()]
