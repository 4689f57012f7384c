"""The process that tells of the past: a request on standard input, the reply on standard output.

Confined before it reads anything of the archive: what is there is foreign. Lanes come first.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import Final

import msgspec

from orchestrator.process import memory
from orchestrator.process.confinement import confine_memory

MEMORY_BYTES: Final = 2 << 30
"""Of growth. A base, its state, an object and a journal of a million chunks take less."""

LEFT_S: Final = 60
"""After which it ends by itself: the service kills it long before, and may be gone by then."""

NICE: Final = 10


def main() -> None:
    """Answer one request."""
    memory.limit_threads()
    memory.collect_rarely()
    signal.alarm(LEFT_S)
    os.nice(NICE)
    from orchestrator.service.retelling import Reply, Request, reply_to  # noqa: PLC0415 - threads first

    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    resource.setrlimit(resource.RLIMIT_CPU, (LEFT_S, LEFT_S))
    confine_memory(MEMORY_BYTES)
    reply: Reply = reply_to(request)
    sys.stdout.buffer.write(msgspec.msgpack.encode(reply))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
