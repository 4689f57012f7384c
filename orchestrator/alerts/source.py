"""Where routes come from: the settings, or a file that may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.alerts.routes_file import RoutesError, read_routes

if TYPE_CHECKING:
    from orchestrator.alerts.routes import Route


@dataclass(frozen=True, slots=True)
class Routes:
    """Where the routes are.

    Attributes:
        fixed: those of the settings themselves; none: they are in *file*.
        file: path of the file; empty: there is none.
        cooldown_s: that of routes that say none.
    """

    fixed: tuple[Route, ...] = ()
    file: str = ""
    cooldown_s: float = 900.0

    def read(self) -> tuple[Route, ...]:
        """The routes as of now; blocks as long as the file system does.

        Raises:
            RoutesError: the file is not usable; the message begins with its setting and path.
        """
        if not self.file:
            return self.fixed
        try:
            return read_routes(self.file, cooldown_s=self.cooldown_s)
        except RoutesError as error:
            raise RoutesError(f"ALERT_ROUTES_FILE={self.file}: {error}") from None
