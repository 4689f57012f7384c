"""The mutation gate: each guard is taken away, one at a time, and a test must notice.

A mutant is the tree with one guard missing. It is made in a copy, so that nothing in the real tree is touched, and the
tests that guard the line run there. A mutant that no test notices survives, and the gate fails::

    python -m tests.mutants                 all of them
    python -m tests.mutants --python        the guards in Python alone; --lua: those of the Lua files
    python -m tests.mutants client HEAD     those whose name holds one of these words
    python -m tests.mutants --list          their names; nothing is run

Lua (:mod:`tests.mutants.lua`): the mutants are found by reading the scripts, every statement that can be taken away.

Python (:mod:`tests.mutants.guards`, for the lane and its line :mod:`tests.mutants.lane_guards`): a table, since not
every line is a guard. To add a row, write::

    Guard(
        "orchestrator/store/client.py",                             # the file
        "retry=Retry(NoBackoff(), 0)",                              # its text, found exactly once
        "retry=Retry(NoBackoff(), 3)",                              # what stands there instead
        "tests/store/test_client.py::test_connect_never_retries",   # the test that must fail; several are fine
    ),

and run ``python -m tests.mutants --python`` with a word of the row. Take a test that needs seconds, not a campaign, and
a mutation that is wrong and still runs: one that breaks the import of the module proves nothing, and the gate says so.
Whole lines with their indentation make the text unique where a part of it is not. ``tests/mutants/test_gate.py`` fails
when a row no longer fits its file, so that an edit of the guard leads to its row.
"""
