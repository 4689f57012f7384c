"""``python -m orchestrator``: the same as the console script ``orchestrator``."""

from __future__ import annotations

from orchestrator.cli import main

if __name__ == "__main__":  # a child process that imports this module to unpickle must not start a service
    main()
