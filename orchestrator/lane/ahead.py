"""The batch behind the next one: it arrives and is decoded while others are folded.

Owns when and in which thread that happens. Must not know trio.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from orchestrator.lane.intake import Reading
from orchestrator.store.runner import Late

Spawn = Callable[[Callable[[], None]], object]
"""Has a function carried out in another thread; the function never raises."""


class Ahead:
    """A batch that is read ahead of its turn.

    Args:
        receive: waits for the batch and decodes it.
        late: the reply in which it is still under way, None if it is here.
        spawn: receive at once, in another thread; None: here, when the batch is asked for.
    """

    def __init__(self, receive: Callable[[], Reading], late: Late | None, spawn: Spawn | None) -> None:
        self.late = late
        self._receive = receive
        self._future: Future[Reading] | None = None
        if spawn is not None:
            future = self._future = Future()
            spawn(lambda: _settle(future, receive))

    def drop(self) -> None:
        """Do without the batch."""
        if self.late is not None:
            self.late.drop()

    def reading(self) -> Reading:
        """The batch, decoded, once; waits for it.

        Raises:
            StoreError: it did not come.
        """
        return self._receive() if self._future is None else self._future.result()


def _settle(future: Future[Reading], receive: Callable[[], Reading]) -> None:
    try:
        future.set_result(receive())
    except BaseException as error:  # noqa: BLE001 - not swallowed: whoever asks for the batch gets it
        future.set_exception(error)
