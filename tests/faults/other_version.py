"""``python -m tests.faults.other_version NUMBER run``: this version, writing the state format of another one.

It stands for the version after this one: it writes format NUMBER, and reads that and what this version reads. Only the
number differs, which is all that two versions on one Redis know of each other.
"""

from __future__ import annotations

import sys

from orchestrator.contract import state_format


def main() -> None:
    """Take the number from the command line, then be ``orchestrator`` with what is left of it."""
    number = int(sys.argv.pop(1))
    # Before anything else of the package is imported: others take the numbers from there when they are.
    vars(state_format).update(STATE_FORMAT=number, FORMATS=state_format.Formats(written=number))
    from orchestrator.cli import main as run  # noqa: PLC0415 - see above

    run()


if __name__ == "__main__":
    main()
