"""Notices that whoever read the output of a command that runs for long is gone, also while nothing is written.

A command that prints its result meets a closed pipe when it writes, and ends. One that shows for hours what happens
may write nothing, or only by its log, which must not fail. The kernel tells the end of a pipe without a write.

For commands that somebody watches. A service goes on when the one who keeps its log is started again.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

_GONE: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL


@contextmanager
def watching_readers(descriptors: Iterable[int], gone: Callable[[], object]) -> Iterator[None]:
    """Call *gone* once, on a thread, when one of those *descriptors* that are pipes has no reader any more.

    Before it is called that descriptor leads nowhere: what is written on the way out is lost, and raises nothing.
    """
    pipes = [descriptor for descriptor in descriptors if _is_pipe(descriptor)]
    if not pipes:
        yield
        return
    over, end = os.pipe()
    thread = threading.Thread(target=_watch, args=(pipes, over, gone), name="readers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(end)
        thread.join()
        os.close(over)


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:  # closed by who started us
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _watch(pipes: list[int], over: int, gone: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(over, select.POLLIN)
    for descriptor in pipes:
        poll.register(descriptor, 0)  # errors are told in any case
    found = dict(poll.poll())
    lost = [descriptor for descriptor in pipes if found.get(descriptor, 0) & _GONE]
    if lost:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in lost:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        gone()
