"""Reads routes of alerts from a TOML file: every mistake is named with route, field, value and what would be right.

Owns names, bounds and defaults of the fields. Values of ``url`` and ``secret`` are never quoted. Blocks as long as the
file system does, so not for an event loop.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from orchestrator.alerts.addresses import check_webhook_url
from orchestrator.alerts.quiet import DAY_MIN, DAYS, Quiet, Span, leaves_time
from orchestrator.alerts.routes import ROUTE_NAME, Address, Route
from orchestrator.alerts.signing import SigningSecret, decode_secret
from orchestrator.contract.brands import MAX_BRAND_BYTES
from orchestrator.contract.outbox import KINDS
from orchestrator.errors import OrchestratorError
from orchestrator.process.secret_files import read_bounded

T = TypeVar("T")

MAX_FILE_BYTES: Final = 64 * 1024
MAX_ROUTES: Final = 20
MAX_BRANDS: Final = 500
MAX_SPANS: Final = 20
MAX_DIGEST_MIN: Final = DAY_MIN
MAX_COOLDOWN_MIN: Final = DAY_MIN
MAX_SAID: Final = 20
"""Mistakes that are named at once."""

_MAX_SCORE: Final = 1e6
_MAX_MENTIONS: Final = 10**12
_SHOWN_CHARS: Final = 60
_TABLE: Final = "route"
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
_NO_VALUE: Final = object()


class RoutesError(OrchestratorError):
    """Raised when a file of routes is unusable; the message has a line for each mistake and quotes no secret."""


class _Wrong(ValueError):  # noqa: N818 - a mistake of one value, which becomes a line of the error
    """What is wrong with one value."""


def read_routes(path: str, *, cooldown_s: float) -> tuple[Route, ...]:
    """The routes in the file at *path*; *cooldown_s* is that of routes that say none.

    Raises:
        RoutesError: it cannot be read, or anything in it is not right.
    """
    try:
        data = read_bounded(path, MAX_FILE_BYTES)
    except ValueError as error:
        raise RoutesError(str(error)) from None
    return parse_routes(data, folder=Path(path).parent, cooldown_s=cooldown_s)


def parse_routes(data: bytes, *, folder: Path, cooldown_s: float) -> tuple[Route, ...]:
    """The routes that *data* holds; names of files are taken from *folder* on.

    Raises:
        RoutesError: anything in it is not right.
    """
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise RoutesError("it is no UTF-8; it must be a TOML file") from None
    except (ValueError, RecursionError) as error:  # ValueError: a number of too many digits, and all else
        # The parser's own text names line and column; it quotes at most the character that it did not expect.
        raise RoutesError(f"it is no TOML: {error or 'it is nested too deeply'}") from None
    mistakes: list[str] = [
        f"{_shown(name)} is no field here; routes stand in [[{_TABLE}]]" for name in document if name != _TABLE
    ]
    tables = document.get(_TABLE, [])
    if not isinstance(tables, list) or not 1 <= len(tables) <= MAX_ROUTES:
        count = len(tables) if isinstance(tables, list) else 0
        mistakes.append(f"it has {count} [[{_TABLE}]]; it needs 1 to {MAX_ROUTES}")
        tables = []
    routes = [_Reader(number, table, folder, cooldown_s, mistakes).route() for number, table in enumerate(tables, 1)]
    found = [route for route in routes if route is not None]
    for name, count in Counter(route.name for route in found).items():
        if count > 1:
            mistakes.append(f"route {name!r}: {count} routes have this name; each needs one of its own")
    if mistakes:
        more = [f"and {len(mistakes) - MAX_SAID} more"] if len(mistakes) > MAX_SAID else []
        raise RoutesError("\n".join([*mistakes[:MAX_SAID], *more]))
    return tuple(found)


class _Reader:
    """Reads one table; mistakes are collected, so that all are named at once."""

    def __init__(self, number: int, table: object, folder: Path, cooldown_s: float, mistakes: list[str]) -> None:
        self._table: Mapping[str, Any] = table if isinstance(table, dict) else {}
        name = self._table.get("name")
        self._called = f"route {name!r}" if isinstance(name, str) and ROUTE_NAME.fullmatch(name) else f"route {number}"
        self._folder = folder
        self._cooldown_s = cooldown_s
        self._mistakes = mistakes
        self._known: list[str] = []

    def route(self) -> Route | None:
        """The route; None if anything is wrong with it."""
        before = len(self._mistakes)
        address, secret = self._address(), self._secret()
        values = {
            "name": self._field("name", _name, None),
            "format": self._field("format", _one_of("json", "slack"), "json"),
            "kinds": self._field("kinds", _kinds, frozenset()),
            "brands": self._field("brands", _brands, ()),
            "min_score": self._field("min_score", _number(0, _MAX_SCORE), 0.0),
            "min_mentions": self._field("min_mentions", _whole(0, _MAX_MENTIONS), 0),
            "quiet_then": self._field("quiet_then", _one_of("digest", "drop"), "digest"),
            "digest_ms": self._field("digest_minutes", _whole(0, MAX_DIGEST_MIN), 0) * 60_000,
            "cooldown_s": self._field("cooldown_minutes", _minutes, self._cooldown_s),
        }
        quiet = self._quiet()
        self._strangers()
        if len(self._mistakes) > before:
            return None
        return Route(address=address, secret=secret, quiet=quiet, **values)

    def _address(self) -> Address:
        url = self._field("url", _url, "")
        file = self._field("url_file", self._path, "")
        self._either("url", url, "url_file", file, needed=True)
        address = Address(url, file)
        self._try("url_file", address.read if file else None)
        return address

    def _secret(self) -> SigningSecret:
        text = self._field("secret", _secret, "")
        file = self._field("secret_file", self._path, "")
        self._either("secret", text, "secret_file", file)
        secret = SigningSecret(text, file)
        self._try("secret_file", secret.key if file else None)
        return secret

    def _either(self, one: str, first: str, other: str, second: str, *, needed: bool = False) -> None:
        if first and second:
            self._say(f"{one} and {other} are both there: leave one out")
        elif needed and not {one, other} & self._table.keys():
            self._say(f"it has neither {one} nor {other}; it needs one: https://host/path, or a file that holds that")

    def _try(self, name: str, read: Callable[[], object] | None) -> None:
        """Look into the file that *read* reads: whether that can be used is better known now than at night."""
        try:
            if read is not None:
                read()
        except ValueError as error:
            self._say(f"{name}: {str(error).removeprefix(f'{name}: ')}")

    def _quiet(self) -> Quiet:
        zone = self._field("zone", _zone, "UTC")
        spans = self._field("quiet", _spans, ())
        if "zone" in self._table and "quiet" not in self._table:
            self._say("zone is there without quiet, which alone it is for: leave it out")
        if "quiet_then" in self._table and "quiet" not in self._table:
            self._say("quiet_then is there without quiet, which alone it is for: leave it out")
        return Quiet(spans, zone)

    def _strangers(self) -> None:
        for name in self._table.keys() - set(self._known):
            self._say(f"{_shown(name)} is no field of a route; there are {', '.join(sorted(self._known))}")

    def _field(self, name: str, read: Callable[[Any], T], default: Any) -> Any:
        self._known.append(name)
        value = self._table.get(name, _NO_VALUE)
        if value is _NO_VALUE:
            if default is None:
                self._say(f"{name} is missing; it needs letters a to z, digits and any of -_., at most 40")
            return default
        try:
            return read(value)
        except _Wrong as wrong:
            self._say(f"{name}{wrong}")
            return default if default is not None else ""

    def _path(self, value: object) -> str:
        if not isinstance(value, str) or not value or "\0" in value:
            raise _Wrong(f" = {_shown(value)}: it must be the path of a file")
        return str(self._folder / value)

    def _say(self, mistake: str) -> None:
        self._mistakes.append(f"{self._called}: {mistake}")


def _name(value: object) -> str:
    if not isinstance(value, str) or not ROUTE_NAME.fullmatch(value):
        raise _Wrong(f" = {_shown(value)}: it must be letters a to z, digits and any of -_., at most 40")
    return value


def _url(value: object) -> str:
    try:
        url = check_webhook_url(value) if isinstance(value, str) else ""
    except ValueError as error:
        raise _Wrong(f": {error}") from None
    if not url:
        raise _Wrong(": it must look like https://host/path")
    return url


def _secret(value: object) -> str:
    try:
        decode_secret(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _Wrong(f": {error}") from None
    return str(value)


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _Wrong(f" = {_shown(value)}: it must be {_either_of(choices)}")
        return value

    return read


def _number(least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise _Wrong(f" = {_shown(value)}: it must be a number from {least:g} to {most:,.0f}")
        return float(value)

    return read


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _Wrong(f" = {_shown(value)}: it must be a whole number from {least} to {most:,}")
        return value

    return read


def _minutes(value: object) -> float:
    """Seconds of a cooldown that is given in minutes."""
    return _number(0, MAX_COOLDOWN_MIN)(value) * 60


def _kinds(value: object) -> frozenset[str]:
    for kind in _strings(value, len(KINDS), "kinds"):
        if kind not in KINDS:
            raise _Wrong(f": {_shown(kind)} is no kind; there are {', '.join(KINDS)}")
    return frozenset(_strings(value, len(KINDS), "kinds"))


def _brands(value: object) -> tuple[str, ...]:
    names = _strings(value, MAX_BRANDS, "names and patterns of brands")
    for name in names:
        if not 1 <= len(name.encode(errors="replace")) <= MAX_BRAND_BYTES:
            raise _Wrong(f": {_shown(name)} must have 1 to {MAX_BRAND_BYTES} bytes")
    return names


def _strings(value: object, most: int, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= most or not all(isinstance(one, str) for one in value):
        raise _Wrong(f" = {_shown(value)}: it must be a list of 1 to {most} {what}, or left out for all")
    return tuple(value)


def _zone(value: object) -> str:
    try:
        # A path that leads out of the database, a folder in it and what is no zone raise different things.
        if isinstance(value, str) and value and ZoneInfo(value).key:
            return value
    except (OSError, ValueError, KeyError):
        pass
    raise _Wrong(f" = {_shown(value)}: it must be the name of a time zone, such as Europe/Berlin")


def _spans(value: object) -> tuple[Span, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SPANS:
        raise _Wrong(f' = {_shown(value)}: it must be a list of 1 to {MAX_SPANS} like {{from = "22:00", to = "07:00"}}')
    spans = tuple(_span(one) for one in value)
    if not leaves_time(spans):
        raise _Wrong(": it covers the whole week, so that nothing would ever be told: leave some time")
    return spans


def _span(value: object) -> Span:
    table = value if isinstance(value, dict) else {}
    if not {"from", "to"} <= table.keys() <= {"from", "to", "days"}:
        raise _Wrong(
            f': {_shown(value)} must look like {{days = ["mon-fri"], from = "22:00", to = "07:00"}}, days may be left'
            " out for all"
        )
    begin, end = _clock(table["from"]), _clock(table["to"])
    if begin in {end, DAY_MIN}:
        raise _Wrong(f": from {table['from']} to {table['to']} is no stretch of time; whole days are 00:00 to 24:00")
    return Span(frozenset(_days(table.get("days", ["mon-sun"]))), begin, end if end > begin else end + DAY_MIN)


def _clock(value: object) -> int:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    minutes = 60 * int(match[1]) + int(match[2]) if match is not None else DAY_MIN + 1
    if minutes > DAY_MIN:
        raise _Wrong(f": {_shown(value)} must be a time of the day from 00:00 to 24:00, in quotes")
    return minutes


def _days(value: object) -> Iterator[int]:
    for one in value if isinstance(value, list) and value else [value]:
        first, dash, last = one.partition("-") if isinstance(one, str) else ("", "", "")
        if first not in DAYS or (last if dash else first) not in DAYS:
            raise _Wrong(f": days has {_shown(one)}; there are {', '.join(DAYS)}, and from to like mon-fri")
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        yield from ((begin + away) % len(DAYS) for away in range((end - begin) % len(DAYS) + 1))


def _either_of(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _shown(value: object) -> str:
    """*value* as it stands in an error: bounded, without what steers a terminal."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
