"""Finds the settings in the environment and in ``.env``, and says where each came from.

Owns precedence (the environment before ``.env``, a setting's own name before an alias), the alias names of the
platform's other files with their units, the warning on a name that is almost right, and the wording of a bad
value. Values, bounds and defaults are in :mod:`orchestrator.settings.settings`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from orchestrator.errors import SettingsError
from orchestrator.process.masking import printable
from orchestrator.settings.settings import Settings, shown_text

DOTENV_FILE = Path(".env")

# From here on two names are the same one misspelt: CONCURENCY_LIMIT has 0.97, LOGLEVEL 0.94, REDIS_URI 0.89,
# but HTTP_PROXY (HTTP_PORT) 0.74 and ORCHESTRATOR_PORT (ORCHESTRATOR_ID) 0.81.
NEAR_MISS_RATIO = 0.82
_UNIT_SUFFIXES = ("_SEC", "_BYTES", "_ENTRIES")


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that the platform's files use for one of our settings, and how its unit is converted."""

    name: str
    field: str
    convert: Callable[[str], str]


def _milliseconds_to_seconds(text: str) -> str:
    try:
        return f"{float(text) / 1_000:g}"
    except ValueError:
        return text  # the field's own check refuses it and names what would be right


ALIASES = (
    Alias("SCHEDULE_INTERVAL_MS", "brand_refresh_interval_sec", _milliseconds_to_seconds),
    Alias("TTL_SUMMARY_SECONDS", "summary_ttl_sec", str.strip),
    Alias("RESULT_TTL_SECONDS", "summary_ttl_sec", str.strip),
)
KNOWN_NAMES = tuple(name.upper() for name in Settings.model_fields) + tuple(alias.name for alias in ALIASES)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings in force and what there is to say about them at start.

    Attributes:
        settings: the frozen object that everything else takes.
        notes: accepted aliases, for the log at level info.
        warnings: names that look misspelt, for the log at level warning.
    """

    settings: Settings
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """One value with the name it was given under (``CONCURRENCY_LIMIT``) and the place (``environment``)."""

    value: str
    name: str
    place: str


def load_settings(dotenv: Path | None = DOTENV_FILE) -> LoadedSettings:
    """Read environment and *dotenv* (None: no file), check everything, and return the settings.

    Raises:
        SettingsError: one line for each bad value, naming variable, value and what would be right.
    """
    layers = tuple(_layers(dotenv))
    found: dict[str, _Found] = {}
    notes: list[str] = []
    for place, values in layers:
        _take_own_names(place, values, found)
        _take_aliases(place, values, found, notes)
    try:
        settings = Settings(**{field: item.value for field, item in found.items()})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error, found))) from None
    settings.remember_origins({field: _origin(field, item) for field, item in found.items()})
    return LoadedSettings(settings, tuple(notes), tuple(_near_misses(layers)))


def _layers(dotenv: Path | None) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """The places where values stand, strongest first, each with its values by lower-case name."""
    yield "environment", EnvSettingsSource(Settings).env_vars
    if dotenv is None:
        return
    try:
        yield dotenv.name, DotEnvSettingsSource(Settings, env_file=dotenv, env_file_encoding="utf-8").env_vars
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{dotenv} cannot be read: {error}") from None


def _take_own_names(place: str, values: Mapping[str, str | None], found: dict[str, _Found]) -> None:
    for field in Settings.model_fields:
        value = values.get(field)
        if value is not None and field not in found:
            found[field] = _Found(value, field.upper(), place)


def _take_aliases(place: str, values: Mapping[str, str | None], found: dict[str, _Found], notes: list[str]) -> None:
    for alias in ALIASES:
        value = values.get(alias.name.lower())
        if value is None:
            continue
        target = alias.field.upper()
        if alias.field in found:
            winner = found[alias.field]
            notes.append(f"{alias.name} ({place}) is ignored: {winner.name} ({winner.place}) comes first")
            continue
        converted = alias.convert(value)
        found[alias.field] = _Found(converted, alias.name, place)
        notes.append(f"{alias.name}={value} ({place}) is taken as {target}={converted}")


def _origin(field: str, item: _Found) -> str:
    return item.place if item.name == field.upper() else f"{item.place}, as {item.name}"


def _explain(error: ValidationError, found: Mapping[str, _Found]) -> Iterator[str]:
    """One line for each problem; consequences of another problem are left out."""
    for problem in error.errors(include_url=False):
        if problem["type"] == "default_factory_not_called":  # a default that waits for another, bad value
            continue
        if not problem["loc"]:  # two values that do not go together; the text names both
            yield _message(problem)
            continue
        field = str(problem["loc"][0])
        yield _explain_field(field, problem, found.get(field))


def _explain_field(field: str, problem: ErrorDetails, item: _Found | None) -> str:
    value = item.value if item else str(problem.get("input", ""))
    shown = printable(shown_text(field, value))
    name = field.upper()
    line = f"{name}={shown} ({_origin(field, item) if item else 'default'}) is refused: {expected(field, problem)}"
    if field.endswith("_port") and value.startswith("tcp://"):
        line += " (Kubernetes sets it for a Service of that name: set enableServiceLinks: false)"
    return line


def expected(field: str, problem: ErrorDetails) -> str:
    """What would be right for *field*: the words of its own check, or its kind and bounds."""
    return _message(problem) if problem["type"] == "value_error" else f"it must be {allowed(field)}"


def allowed(field: str) -> str:
    """Kind and bounds of *field*: ``a whole number from 1 to 1000``."""
    info = Settings.model_fields[field]
    choices = [choice for choice in get_args(info.annotation) if choice]
    if choices:
        return f"one of {', '.join(choices)}"
    if info.annotation is bool:
        return "true or false"
    if info.annotation is str:
        return "1 to 128 printable ASCII characters without blanks" if field == "orchestrator_id" else "a text"
    bounds = {key: getattr(item, key) for item in info.metadata for key in ("ge", "le") if hasattr(item, key)}
    kind = "a whole number" if info.annotation is int else "a number"
    return f"{kind} from {bounds['ge']:g} to {bounds['le']:.12g}"


def _message(problem: ErrorDetails) -> str:
    context: Mapping[str, Any] = problem.get("ctx", {})
    return str(context.get("error", problem["msg"]))


def _near_misses(layers: Iterable[tuple[str, Mapping[str, str | None]]]) -> Iterator[str]:
    """Warnings about names that are almost one of ours while the right one is not set anywhere."""
    layers = tuple(layers)
    present = {name.upper() for _, values in layers for name in values}
    for place, values in layers:
        for name, value in values.items():
            likely = _likely_name(name.upper(), value or "")
            if likely is not None and likely not in present:
                yield f"{name.upper()} ({place}) is not a setting and has no effect; did you mean {likely}?"


def _likely_name(name: str, value: str) -> str | None:
    if name in KNOWN_NAMES or value.startswith(("tcp://", "udp://")):  # the latter: Kubernetes' service links
        return None
    without_unit = [known for known in KNOWN_NAMES for suffix in _UNIT_SUFFIXES if known == name + suffix]
    close = without_unit or difflib.get_close_matches(name, KNOWN_NAMES, n=1, cutoff=NEAR_MISS_RATIO)
    return close[0] if close else None
