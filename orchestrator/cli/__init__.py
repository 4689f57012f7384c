"""The command line: what people call. The top of the house: only ``python -m orchestrator`` imports it.

Face: :func:`main`. A command's module is imported when the command is called
(:mod:`orchestrator.cli.program`), so that one command does not pay for the libraries of the others.
"""

from __future__ import annotations

from orchestrator.cli.program import main

__all__ = ["main"]
