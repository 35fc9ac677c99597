"""Load at the edges: clients that are a burden, and honest ones beside them.

A burden is a context: `with` it, it goes on (`burden.going_on`). One that broke off, was answered otherwise than it
should be, or was none, ends the benchmarks: it would make a row look good.
"""
