"""Honest voters beside clients that are a burden: their p99 against a quiet one, and what it costs in memory."""

import json

from suite.burdens import connections, people, requests
from suite.load import honest_p99, organise, voting_codes
from suite.programs import fail, get, until
from suite.rows.turns import in_turn
from suite.servers import TOKEN
from suite.table import Row, at_least, at_most

POLLS = 1_000
TRUSTING = {"TRUSTED_PROXIES": "127.0.0.0/8"}
MEMORY = at_most(256)


def edge(run):
    with run.services(**TRUSTING) as of:
        organise(of["vote"][1], yes_or_no("coded", access="codes"))
        organise(of["vote"][1], yes_or_no("flooded"))
        yield from beside_burdens(run, of)
        yield from halls(run, of)
    yield from same_address(run)
    # Polls don't go away again, so the quiet ones are measured on services of their own.
    with run.services(**TRUSTING) as quiet, run.services(**TRUSTING) as full:
        for number in range(POLLS):
            organise(full["vote"][1], {"question": f"Question {number}?", "options": ["Yes", "No"]})
        few, many = in_turn(run, f"beside {POLLS:,} more polls", (quiet, full), lambda of, _: honest_p99(run, of))
        yield Row(f"p99 of honest ballots beside {POLLS:,} more polls, against none", many, at_most(2), " ms", few)


def yes_or_no(poll, **more):
    return {"id": poll, "question": "Is it so?", "options": ["Yes", "No"], **more}


def beside(run, of, what, begin, during=lambda: None):
    """Samples of the p99 of honest ballots: quiet ones, and in turn ones while the burden goes on."""
    quiet, burdened = [], []
    for number in range(run.rounds):
        run.progress(f"beside {what}, round {number + 1}")
        quiet.append(honest_p99(run, of))
        with begin():
            burdened.append(honest_p99(run, of))
            during()
    return quiet, burdened


def beside_burdens(run, of):
    """Each burden from an address of its own, behind a proxy."""
    (vote, vote_url, _), (result, result_url, _) = of["vote"], of["result"]
    guessed, flooded = f"{requests.GUESSES_PER_SECOND:,}", f"{requests.FLOOD_PER_SECOND:,}"
    burdens = {
        f"{connections.IDLE_CONNECTIONS:,} idle connections": lambda: connections.idle(vote_url),
        f"{connections.SLOW_CONNECTIONS} heads that come byte by byte": lambda: connections.slow_heads(vote_url),
        f"{connections.SLOW_CONNECTIONS} bodies that come byte by byte": lambda: connections.slow_bodies(vote_url),
        "bodies of 10 MB, one after the other": lambda: requests.large_bodies(vote_url),
        f"a flood of {guessed} wrong codes a second from one address": lambda: requests.guesses(vote_url, "coded"),
        f"a flood of {flooded} posts a second from one address": lambda: requests.flood(vote_url, "flooded"),
        f"{connections.DEAF_VIEWERS} screens that never read": lambda: connections.deaf_viewers(result_url),
    }
    before = {program: program.resident_bytes() for program in (vote, result)}
    most = dict.fromkeys(before, 0)

    def look():
        for program in most:
            most[program] = max(most[program], program.resident_bytes() - before[program])

    for burden, begin in burdens.items():
        quiet, burdened = beside(run, of, burden, begin, look)
        work = f"p99 of honest ballots beside {burden}, against a quiet minute"
        yield Row(work, burdened, at_most(2), " ms", quiet)
    for program, grown_bytes in most.items():
        yield Row(f"`{program.name}`: memory beside all of these", [grown_bytes / 1024 / 1024], MEMORY, " MiB")


def same_address(run):
    """One client against the others of its own network, which no proxy tells from it."""
    limit = 2_000 if run.quick else 10_000
    with run.services(MAX_CONNECTIONS=limit) as of:
        vote_url = of["vote"][1]
        organise(vote_url, yes_or_no("coded", access="codes"))
        codes = voting_codes(vote_url, "coded", people.PEOPLE_IN_A_HALL)
        yield from endless_heads(run, of)
        yield from right_ones(run, vote_url, of["result"][1], codes)
        kernel = [people.deaf_readers(vote_url, "/") for _ in range(run.rounds)]
        deaf = f"memory of the system for each of {people.DEAF_READERS} readers that never read"
        yield Row(deaf, kernel, MEMORY, " KiB")
        many = f"{limit + connections.EXCESS_CONNECTIONS:,} idle connections where `vote` holds {limit:,}"
        begin = lambda: connections.beyond_the_limit(vote_url, limit)
        quiet, burdened = beside(run, of, many, begin)
        work = f"p99 of honest ballots beside {many}, from the same address, against a quiet minute"
        yield Row(work, burdened, at_most(3), " ms", quiet)


def endless_heads(run, of):
    vote, vote_url, _ = of["vote"]
    what = f"{connections.ENDLESS_HEADS:,} heads that never end, from the same address"
    before, grown_mib = vote.resident_bytes(), []
    look = lambda: grown_mib.append((vote.resident_bytes() - before) / 1024 / 1024)
    quiet, burdened = beside(run, of, what, lambda: connections.endless_heads(vote_url), look)
    yield Row(f"p99 of honest ballots beside {what}, against a quiet minute", burdened, at_most(4), " ms", quiet)
    yield Row(f"`vote`: memory beside {what}", grown_mib, MEMORY, " MiB")


def right_ones(run, vote_url, result_url, codes):
    """Right tokens, right codes and screens, each beside a flood of wrong ones."""
    bearer, json_type = {"Authorization": f"Bearer {TOKEN}"}, {"Content-Type": "application/json"}
    screens = []

    def token(_):
        return people.answer_status(vote_url, "GET", "/api/polls", headers=bearer) == 200

    def code(number):
        ballot = json.dumps({"choices": ["a"], "code": codes[number]})
        return people.answer_status(vote_url, "POST", "/api/polls/coded/ballots", ballot, json_type) == 201

    def place(_):
        screens.append(people.screen(result_url))
        return screens[-1]

    ones, wrong = people.RIGHT_ONES, f"{requests.WRONG_PER_SECOND:,}"
    rate = f"beside {wrong} wrong ones a second from the same address"
    seats = f"screens of {ones} that get a place beside {wrong} handshakes a second from the same address"
    for work, begin, ask in [
        (f"right tokens of {ones} let in {rate}", lambda: requests.wrong_tokens(vote_url), token),
        (f"right codes of {ones} let in {rate}", lambda: requests.wrong_codes(vote_url, "coded"), code),
        (seats, lambda: requests.handshakes(result_url), place),
    ]:
        counts = []
        for number in range(run.rounds):
            run.progress(f"{work}, round {number + 1}")
            with begin():
                counts.append(people.let_in(ask))
        yield Row(work, [min(counts)], at_least(ones))
    for each in filter(None, screens):
        each.close()


def halls(run, of):
    """Many honest people behind one address, beside a flood from another: everybody gets through."""
    vote_url, result_url = of["vote"][1], of["result"][1]
    floods = {
        "posts": ("anyone", lambda poll: requests.flood(vote_url, "flooded")),
        "wrong codes": ("codes", lambda poll: requests.guesses(vote_url, poll)),
    }
    everybody = people.PEOPLE_IN_A_HALL
    for kind, (access, begin) in floods.items():
        recorded = []
        for number in range(run.rounds):
            run.progress(f"a hall beside a flood of {kind}, round {number + 1}")
            poll = f"hall-{access}-{number}"
            organise(vote_url, yes_or_no(poll, access=access))
            codes = voting_codes(vote_url, poll, everybody) if access == "codes" else None
            with begin(poll):
                refusals = people.hall(vote_url, poll, codes)
            if refusals:
                fail(f"of {everybody} people behind one address {len(refusals)} were refused: {refusals[:5]}")
            counted = lambda: json.loads(get(f"{result_url}/api/polls/{poll}/tally"))["voters"]
            recorded.append(until("the hall's ballots", lambda: counted() >= everybody and counted()))
        work = f"people of {everybody} behind one address whose ballots count, beside a flood of {kind} from another"
        yield Row(work, [min(recorded)], at_least(everybody))
