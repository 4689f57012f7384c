"""``python -m tests.faults.small_segments run``: this version, for which nearly every segment is a large one.

The chunks of campaigns are small, and so are their stories: by the threshold that serves real ones hardly anything
would lie apart, and nothing could go wrong with it.
"""

from __future__ import annotations

from orchestrator.contract import segments

SMALL_BYTES = 64


def main() -> None:
    """Be ``orchestrator`` with the command line as it is."""
    vars(segments)["LARGE_BYTES"] = SMALL_BYTES
    from orchestrator.cli import main as run  # noqa: PLC0415 - as in other_version

    run()


if __name__ == "__main__":
    main()
