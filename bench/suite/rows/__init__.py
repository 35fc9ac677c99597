"""The kinds of rows, by the name that `scripts/bench --only` takes. Each takes a run and yields rows of the table."""

from suite.rows import accept, all_in_one, count, edge, grown, machines, screens, trees, verify

KINDS = {
    "accept": accept.accept,
    "count": count.count,
    "trees": trees.trees,
    "verify": verify.verify,
    "one": all_in_one.one,
    "screen": screens.screen,
    "viewers": screens.viewers,
    "event": screens.followers,
    "machines": machines.machines,
    "edge": edge.edge,
    "grown": grown.grown,
    "start": all_in_one.start,
}
