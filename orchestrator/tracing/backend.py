"""What makes spans, as whoever works sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    Attributes = Mapping[str, str | int]


class Backend(Protocol):
    """What makes spans."""

    def span(
        self, name: str, attributes: Attributes, items: Sequence[bytes], *, current: bool
    ) -> AbstractContextManager[None]:
        """A span around a block; an error that leaves the block is told in it."""
        ...

    def ids(self) -> dict[str, str]:
        """What names the current span in a log line."""
        ...

    def stop(self) -> None:
        """Send what is left; blocks."""
        ...
