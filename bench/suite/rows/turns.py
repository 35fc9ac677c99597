"""Measuring several things in turn, round by round, so that a machine that changes its speed is the same for all."""


def in_turn(run, what, stacks, measure):
    """One list of samples for each stack."""
    samples = [[] for _ in stacks]
    for number in range(run.rounds):
        run.progress(f"{what}, round {number + 1}")
        for stack, taken in zip(stacks, samples):
            taken.append(measure(stack, number))
    return samples
