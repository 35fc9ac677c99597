"""What scripts/bench measures, and with what. Imports go downwards only:

    rows        one module for each kind of row; a kind yields rows of the table
    burdens     clients that are a burden, and honest ones beside them
    load        the tools that post, cast and count, and how their output is read
    servers     Redis, PostgreSQL and our programs, for one run
    programs    a process, and waiting for it
    table       rows of the table, whether they reach their goal, and the machine; imports nothing of ours
"""
