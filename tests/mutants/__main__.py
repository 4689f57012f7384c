"""``python -m tests.mutants``: see :mod:`tests.mutants`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.mutants.gate import GateError, Mutant, check_control, survivors
from tests.mutants.guards import python_mutants
from tests.mutants.lua import lua_mutants


def chosen(arguments: argparse.Namespace) -> list[Mutant]:
    """The mutants that the command line asks for."""
    mutants = [] if arguments.lua else python_mutants()
    mutants += [] if arguments.python else lua_mutants()
    words = arguments.words
    return [mutant for mutant in mutants if not words or any(word in mutant.name for word in words)]


def main() -> None:
    """Run the gate; exit with 1 if a mutant survives, with 2 if that cannot be told."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="The mutation gate.")
    language = parser.add_mutually_exclusive_group()
    language.add_argument("--lua", action="store_true", help="the Lua files alone")
    language.add_argument("--python", action="store_true", help="the guards in Python alone")
    parser.add_argument("--list", action="store_true", help="name the mutants and run nothing")
    parser.add_argument("--workers", type=int, default=2, help="mutants at the same time (default: 2)")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only mutants whose name holds one of these")
    arguments = parser.parse_args()
    mutants = chosen(arguments)
    if not mutants:
        parser.error("no mutant has such a name")
    if arguments.list:
        print("\n".join(mutant.name for mutant in mutants))  # noqa: T201 - a program's output
        return
    started = time.monotonic()
    try:
        within_s = check_control(mutants)
        alive = survivors(mutants, workers=arguments.workers, within_s=within_s)
    except GateError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2)
    print(f"{len(mutants)} mutants, {len(alive)} survivors, {time.monotonic() - started:.0f} s")  # noqa: T201
    sys.exit(bool(alive))


if __name__ == "__main__":
    main()
