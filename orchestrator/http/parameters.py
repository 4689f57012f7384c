"""Which query parameters an address takes; any other one is refused, and so is one that stands there twice.

A parameter that is passed over in silence answers another question than was asked: ``?spiking=true`` would list all
brands. Probes are left alone: whatever a load balancer adds to their address, a refusal would restart this process.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from quart import current_app, request

from orchestrator.http.health import PROBES
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quart_trio import QuartTrio

H = TypeVar("H", bound="Callable[..., Any]")

MAX_QUOTED: Final = 64
_ATTRIBUTE: Final = "query_parameters"
_MANY: Final = "repeated_parameters"


def takes(*names: str, many: tuple[str, ...] = ()) -> Callable[[H], H]:
    """Mark a handler as one that takes the query parameters *names*, once, and *many*, as often as need be.

    One without the mark takes none.
    """

    def mark(handler: H) -> H:
        setattr(handler, _ATTRIBUTE, (*names, *many))
        setattr(handler, _MANY, many)
        return handler

    return mark


def taken(handler: object) -> tuple[str, ...]:
    """The query parameters that *handler* takes."""
    names: tuple[str, ...] = getattr(handler, _ATTRIBUTE, ())
    return names


def check_parameters(known: tuple[str, ...], given: dict[str, list[str]], many: tuple[str, ...] = ()) -> None:
    """Return if *given* has nothing but *known* parameters, each once but for *many*.

    Raises:
        ProblemError: 400, naming the parameter and the known ones.
    """
    for name, values in given.items():
        shown = name if len(name) <= MAX_QUOTED else f"{name[:MAX_QUOTED]}…"
        if name not in known:
            rest = f"known are {', '.join(known)}" if known else "there are none here"
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"There is no parameter {shown!r}; {rest}.")
        if len(values) > 1 and name not in many:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"The parameter {shown!r} stands there {len(values)} times.")


def refuse_unknown(app: QuartTrio) -> None:
    """Let *app* refuse every request with a parameter that its handler does not take."""

    @app.before_request
    async def check() -> None:
        # Without a rule there is no such address, which is what the answer will say.
        if request.args and request.url_rule is not None and request.path not in PROBES:
            handler = current_app.view_functions[request.url_rule.endpoint]
            check_parameters(taken(handler), dict(request.args.lists()), getattr(handler, _MANY, ()))
