"""The service's settings: one frozen object, read once at start and never at import.

Owns names, meanings, units, defaults and bounds of all variables; ``.env.example`` and ``config show`` are
printed from here. How the variables are found (environment, ``.env``, alias names, misspelt names) is the business
of :mod:`orchestrator.settings.load`. The first eleven names and their defaults are the platform's; the others are
ours.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from orchestrator.alerts.addresses import check_webhook_url
from orchestrator.alerts.routes import SINGLE, Address, Route
from orchestrator.alerts.signing import SigningSecret, decode_secret
from orchestrator.alerts.source import Routes
from orchestrator.contract.address import check_service
from orchestrator.contract.fingerprint import RULES_NAME, RULES_VERSION, Fingerprint
from orchestrator.contract.keys import BRAND_LIST_KEYS
from orchestrator.contract.process_orders import MAX_LANES
from orchestrator.process import memory
from orchestrator.process.masking import MASK, mask_secret, mask_text
from orchestrator.process.secret_files import read_secret
from orchestrator.settings.addresses import (
    check_archive_url,
    check_hosts,
    check_login,
    check_origins,
    check_public_url,
    check_redis_url,
    check_root_path,
    check_sentinel_login,
    check_sentinels,
    server_address,
)

LogLevel = Literal["debug", "info", "warning", "error", "critical"]
# A webhook's address is its password at several chats.
SECRET_FIELDS: frozenset[str] = frozenset({"alert_webhook_url", "alert_webhook_secret", "redis_sentinel_password"})

_DAY_S = 86_400
_MIB = 1024 * 1024


def _lower(value: object) -> object:
    """Let ``INFO`` and ``Warn`` pass: levels are written in every case, and ``warn`` is a common short form."""
    if not isinstance(value, str):
        return value
    folded = value.strip().lower()
    return "warning" if folded == "warn" else folded


class Settings(BaseSettings):
    """All settings, checked and immutable; a field's variable is its name in capitals.

    Constructing it directly takes defaults and arguments only, so that a test is
    independent of its environment; :func:`orchestrator.settings.load.load_settings`
    adds environment and ``.env``.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_ignore_empty=True, validate_default=True, hide_input_in_errors=True
    )

    redis_url: str = Field(
        default="redis://localhost:6379",
        description="Redis: redis://, rediss:// (TLS), unix:///path, redis+sentinel://h1,h2/service,"
        " redis+cluster://h1,h2, or embedded://[/folder] for a private server",
    )
    redis_username: str = Field(
        default="", max_length=256, description="User at Redis (empty: the one in REDIS_URL, or the default user)"
    )
    redis_password_file: str = Field(
        default="", description="File with the password for Redis, read at every connect (empty: the one in REDIS_URL)"
    )
    redis_sentinels: str = Field(
        default="",
        description="Sentinels that name the primary: host-1:26379,host-2 (empty: those in REDIS_URL, if any); then"
        " REDIS_URL has no host",
    )
    redis_sentinel_master: str = Field(
        default="", max_length=256, description="Name by which REDIS_SENTINELS know the primary, often mymaster"
    )
    redis_sentinel_username: str = Field(
        default="", max_length=256, description="User at the sentinels, which have users of their own (empty: default)"
    )
    redis_sentinel_password: str = Field(
        default="", max_length=4_096, description="Password at the sentinels (empty: none is asked for)"
    )
    redis_sentinel_password_file: str = Field(
        default="", description="File with that password, read at every connect (empty: REDIS_SENTINEL_PASSWORD)"
    )
    orchestrator_id: str = Field(
        default_factory=lambda: f"orchestrator-{secrets.token_hex(4)}",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Name of this process in logs, health and dead letters (random if unset)",
    )
    concurrency_limit: int = Field(
        default=5, ge=1, le=MAX_LANES, description="Brands that are worked on at the same time"
    )
    http_port: int = Field(
        default=9000, ge=0, le=65_535, description="Port of health, pages and read API (0: any free one)"
    )
    prometheus_port: int = Field(default=9001, ge=0, le=65_535, description="Port of /metrics (0: any free one)")
    merge_similarity_threshold: float = Field(
        default=0.75,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least similarity of centroids at which a cluster joins a story",
    )
    max_retries: int = Field(
        default=3, ge=0, le=100, description="Further tries after a failure, before a lane gives up its brand"
    )
    retry_backoff_base: float = Field(
        default=2,
        ge=1,
        le=10,
        allow_inf_nan=False,
        description="Base of the exponential backoff, seconds (capped at 30 s)",
    )
    brand_refresh_interval_sec: float = Field(
        default=30,
        ge=0.1,
        le=3_600,
        allow_inf_nan=False,
        description="Seconds between two readings of the registered brands",
    )
    chunk_fetch_timeout_sec: float = Field(
        default=30,
        ge=0.1,
        le=3_600,
        allow_inf_nan=False,
        description="Seconds that a lane waits for work before it yields",
    )
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        default="info", description="Least level that is logged"
    )

    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_lower)] = Field(
        default="auto", description="json, console, or auto: console on a terminal, else json"
    )
    http_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that both ports listen on (the image sets 0.0.0.0: all addresses)",
    )
    http_allowed_hosts: str = Field(
        default="",
        description="Host names by which HTTP_PORT may be called, comma-separated; others get a 421 (empty: any name)",
    )
    http_cors_origins: str = Field(
        default="",
        description="Origins whose pages may read /v1 in a browser, comma-separated, or * (empty: no other's)",
    )
    http_root_path: str = Field(
        default="", description="Path under which a proxy offers HTTP_PORT, like /summaries (empty: at the top)"
    )
    http_token_file: str = Field(
        default="", description="File of tokens that read, one a line, read at each request (empty: everybody reads)"
    )
    http_operator_token_file: str = Field(
        default="", description="File of operators' tokens, which also act and see details (empty: nobody does)"
    )
    http_connections_per_address: int = Field(
        default=0,
        ge=0,
        le=1_000,
        description="Connections of one client address, probes apart (0: no limit; behind a proxy all have one)",
    )
    brand_list_key: str = Field(
        default="",
        description="Keys of the registered brands, comma-separated, in place of brands:list and brands:set"
        " (with a leading +: in addition to them)",
    )
    lock_ttl_sec: float = Field(
        default=6, ge=1, le=600, allow_inf_nan=False, description="Seconds after which a dead process loses its brands"
    )
    redis_timeout_sec: float = Field(
        default_factory=lambda data: min(5.0, data["lock_ttl_sec"] / 3),
        ge=0.05,
        le=60,
        allow_inf_nan=False,
        description="Deadline of one Redis call in seconds (default: a third of LOCK_TTL_SEC, at most 5)",
    )
    max_clock_skew_sec: float = Field(
        default=60,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds by which the clocks of this machine and of Redis may differ; beyond, nothing is claimed"
        " (0: they are not compared)",
    )
    step_timeout_sec: float = Field(
        default=30,
        ge=1,
        le=600,
        allow_inf_nan=False,
        description="Seconds after which a batch that still is not folded and committed is given up (a hanging fold)",
    )
    summary_window_sec: int = Field(
        default=_DAY_S, ge=900, le=7 * _DAY_S, description="Seconds of traffic that a summary covers, in panes of 900"
    )
    summary_ttl_sec: int = Field(
        default_factory=lambda data: 2 * data["summary_window_sec"],
        ge=60,
        le=366 * _DAY_S,
        description="Seconds until a summary expires that nobody refreshes (default: two windows)",
    )
    max_stories: int = Field(
        default=5_000, ge=1, le=1_000_000, description="Stories kept for a brand, the smallest go first"
    )
    warm_state_mb: int = Field(
        default_factory=lambda: memory.allowed_bytes() // 4 >> 20,
        ge=0,
        le=1_048_576,
        description="MiB for states of brands between two visits; beyond, they are loaded again (0: none is kept;"
        " default: a quarter of the memory that this process may use)",
    )
    label_similarity_threshold: float = Field(
        default=0.175,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least similarity of words at which a cluster joins a story, where centroids cannot be compared",
    )
    settings_adopt: bool = Field(
        default=False,
        description="Whether brands whose history is longer than the settings above keep may lose it;"
        " otherwise they are parked",
    )
    max_chunk_bytes: int = Field(
        default=8 * _MIB, ge=1_024, le=256 * _MIB, description="Largest chunk in bytes; a larger one is a dead letter"
    )
    failed_max_entries: int = Field(
        default=10_000, ge=1, le=10_000_000, description="Cap of a brand's list of dead letters (failed:brand:<brand>)"
    )
    failed_policy: Annotated[Literal["pause", "drop_oldest"], BeforeValidator(_lower)] = Field(
        default="pause", description="At that cap: pause (the brand is parked, with an alarm) or drop_oldest"
    )
    duplicate_conflicts: Annotated[Literal["count", "dead_letter"], BeforeValidator(_lower)] = Field(
        default="count",
        description="A chunk with a known chunkId and other numbers: count (and told), or dead_letter (kept, too)",
    )
    shutdown_grace_sec: float = Field(
        default=10, ge=0.1, le=600, allow_inf_nan=False, description="Seconds from SIGTERM to the exit at the latest"
    )
    orchestrator_merge: Annotated[Literal["", "cython", "python"], BeforeValidator(_lower)] = Field(
        default="",
        description="Merge kernel: cython (a failed load is fatal), python, or empty for compiled if it loads",
    )

    alert_webhook_url: str = Field(
        default="", description="Where openings and closings of episodes are told (http:// or https://; empty: nowhere)"
    )
    alert_webhook_secret: str = Field(
        default="", description="Signs alerts after Standard Webhooks: whsec_ and base64 (empty: unsigned)"
    )
    alert_webhook_secret_file: str = Field(
        default="", description="File with that secret, read at every attempt (empty: ALERT_WEBHOOK_SECRET)"
    )
    alert_routes_file: str = Field(
        default="", description="TOML file with several routes of alerts (empty: ALERT_WEBHOOK_URL alone)"
    )
    public_url: str = Field(
        default="", description="Where people reach this service, for links in alerts: https://host/path (empty: none)"
    )
    alert_cooldown_sec: float = Field(
        default=900,
        ge=0,
        le=_DAY_S,
        allow_inf_nan=False,
        description="Least seconds between two openings told of one brand and kind",
    )

    archive_url: str = Field(
        default="",
        description="Folder or bucket that keeps what was consumed: file:///folder, s3://bucket/folder,"
        " gs://bucket/folder (empty: none is kept)",
    )
    archive_outbox_mb: int = Field(
        default=64, ge=1, le=65_536, description="MiB of a brand that may wait in Redis for the archive"
    )
    archive_policy: Annotated[Literal["pause", "skip"], BeforeValidator(_lower)] = Field(
        default="pause",
        description="At that bound: pause (the brand is parked, with an alarm) or skip (the archive gets a gap)",
    )
    archive_interval_sec: float = Field(
        default=30,
        ge=1,
        le=3_600,
        allow_inf_nan=False,
        description="Seconds that what was consumed waits for more, before it becomes an object of the archive",
    )
    archive_object_mb: int = Field(
        default_factory=lambda data: min(16, data["archive_outbox_mb"]),
        ge=1,
        le=512,
        description="MiB of chunks in one object of the archive (default: 16, at most ARCHIVE_OUTBOX_MB)",
    )
    archive_compact: bool = Field(
        default=True, description="Whether closed days of the archive become Parquet files, in background"
    )
    archive_retention_days: int = Field(
        default=0, ge=0, le=36_500, description="Days after which the archive forgets a day (0: never)"
    )

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def alert_routes(self) -> Routes | None:
        """Where alerts go: the routes of a file, or the one that ALERT_WEBHOOK_URL is short for; None for nowhere."""
        cooldown_s = self.alert_cooldown_sec
        if self.alert_routes_file:
            return Routes(file=self.alert_routes_file, cooldown_s=cooldown_s)
        if not self.alert_webhook_url:
            return None
        secret = SigningSecret(self.alert_webhook_secret, self.alert_webhook_secret_file)
        return Routes((Route(SINGLE, Address(self.alert_webhook_url), secret, cooldown_s=cooldown_s),))

    @property
    def archives(self) -> bool:
        """Whether commits keep what they consume, for an archive."""
        return bool(self.archive_url)

    @property
    def brand_list_keys(self) -> tuple[str, ...]:
        """The keys under which brands are registered, in reading order."""
        text = self.brand_list_key.strip()
        named = tuple(key for part in text.removeprefix("+").split(",") if (key := part.strip()))
        standard = BRAND_LIST_KEYS if not named or text.startswith("+") else ()
        return tuple(dict.fromkeys((*standard, *named)))

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names by which the HTTP port may be called, in lower case; none: any."""
        return frozenset(name for part in self.http_allowed_hosts.split(",") if (name := part.strip().lower()))

    @property
    def cors_origins(self) -> frozenset[str]:
        """The origins whose pages may read the API, or ``*``."""
        return frozenset(name for part in self.http_cors_origins.split(",") if (name := part.strip()))

    @property
    def embedded(self) -> bool:
        """Whether the service starts a private Redis of its own."""
        return self.redis_url.startswith("embedded://")

    @property
    def server_url(self) -> str:
        """Where Redis is: REDIS_URL, or what REDIS_SENTINELS and the rest of it come to; with its password."""
        if self.embedded:
            return self.redis_url
        given = self.redis_url if "redis_url" in self.model_fields_set or not self.redis_sentinels else "redis://"
        return server_address(given, self.redis_sentinels, self.redis_sentinel_master)

    @property
    def login(self) -> tuple[str, str, str, str, str]:
        """Who we are, beyond the address: user, password file; then user, password and its file at the sentinels."""
        return (
            self.redis_username,
            self.redis_password_file,
            self.redis_sentinel_username,
            self.redis_sentinel_password,
            self.redis_sentinel_password_file,
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """What changes the meaning of a brand's state; processes that share a Redis have to agree on it."""
        return Fingerprint(
            {
                "SUMMARY_WINDOW_SEC": self.summary_window_sec,
                "MAX_STORIES": self.max_stories,
                "MERGE_SIMILARITY_THRESHOLD": self.merge_similarity_threshold,
                "LABEL_SIMILARITY_THRESHOLD": self.label_similarity_threshold,
                RULES_NAME: RULES_VERSION,
            }
        )

    def origin(self, field: str) -> str:
        """Where *field* comes from: ``default``, ``environment``, ``.env``, or one of the latter by an alias."""
        return self._origins.get(field, "default")

    def remember_origins(self, origins: Mapping[str, str]) -> None:
        """Note where the values came from. The loader calls it once; the values themselves never change."""
        self._origins.update(origins)

    def masked(self) -> dict[str, Any]:
        """All values by variable name, fit to be shown: secrets are replaced by ``***``."""
        values = self.model_dump()
        return {name.upper(): _masked_value(name, value) for name, value in values.items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments only: the loader reads the sources itself, because it must know where a value came from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        return check_redis_url(url)

    @field_validator("redis_sentinels")
    @classmethod
    def _check_sentinels(cls, sentinels: str) -> str:
        return check_sentinels(sentinels)

    @field_validator("redis_sentinel_master")
    @classmethod
    def _check_sentinel_master(cls, service: str) -> str:
        service = service.strip()
        return check_service(service) if service else ""

    @field_validator("redis_password_file", "redis_sentinel_password_file")
    @classmethod
    def _check_password_file(cls, path: str) -> str:
        path = path.strip()
        if path:
            read_secret(path)
        return path

    @field_validator("http_allowed_hosts")
    @classmethod
    def _check_hosts(cls, hosts: str) -> str:
        return check_hosts(hosts)

    @field_validator("http_cors_origins")
    @classmethod
    def _check_origins(cls, origins: str) -> str:
        return check_origins(origins)

    @field_validator("http_root_path")
    @classmethod
    def _check_root_path(cls, path: str) -> str:
        return check_root_path(path)

    @field_validator("alert_webhook_url")
    @classmethod
    def _check_webhook_url(cls, url: str) -> str:
        return check_webhook_url(url)

    @field_validator("archive_url")
    @classmethod
    def _check_archive_url(cls, url: str) -> str:
        return check_archive_url(url)

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        return check_public_url(url)

    @field_validator("alert_webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, secret: str) -> str:
        secret = secret.strip()
        if secret:
            decode_secret(secret)
        return secret

    @field_validator("alert_webhook_secret_file")
    @classmethod
    def _check_webhook_secret_file(cls, path: str) -> str:
        path = path.strip()
        if path:
            SigningSecret(file=path).key()
        return path

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.redis_timeout_sec >= self.lock_ttl_sec:
            # A call that outlives the lease ends with a brand that somebody else owns.
            msg = f"REDIS_TIMEOUT_SEC={self.redis_timeout_sec:g} must be below LOCK_TTL_SEC={self.lock_ttl_sec:g}"
            raise ValueError(msg)
        if self.alert_webhook_secret and self.alert_webhook_secret_file:
            msg = "ALERT_WEBHOOK_SECRET and ALERT_WEBHOOK_SECRET_FILE are both set: leave one out"
            raise ValueError(msg)
        if self.alert_routes_file:
            self._check_one_way()
        self._check_redis()
        if self.archive_object_mb > self.archive_outbox_mb:
            msg = (
                f"ARCHIVE_OBJECT_MB={self.archive_object_mb} must be at most"
                f" ARCHIVE_OUTBOX_MB={self.archive_outbox_mb}: an object is made of what waits"
            )
            raise ValueError(msg)
        if self.http_port == self.prometheus_port != 0:
            msg = f"HTTP_PORT and PROMETHEUS_PORT are both {self.http_port}; each needs a port of its own"
            raise ValueError(msg)
        return self

    def _check_redis(self) -> None:
        """Where Redis is and who we are there is said once."""
        if self.embedded and self.redis_sentinels:
            raise ValueError("REDIS_SENTINELS is of no use with an embedded Redis")
        url = self.server_url
        check_login(url, self.redis_username, self.redis_password_file)
        at_sentinels = (self.redis_sentinel_username, self.redis_sentinel_password, self.redis_sentinel_password_file)
        check_sentinel_login(url, *at_sentinels)

    def _check_one_way(self) -> None:
        """What the file of routes says of each route is not said for one beside it."""
        for name in ("alert_webhook_url", "alert_webhook_secret", "alert_webhook_secret_file"):
            if getattr(self, name):
                other = name.upper()
                msg = f"ALERT_ROUTES_FILE and {other} are both set: make it a route of the file, or leave one out"
                raise ValueError(msg)


def shown_text(field: str, value: str) -> str:
    """*value* of *field*, fit to be shown, even if it is none that the field takes."""
    if field in SECRET_FIELDS:
        return mask_secret(value)
    if field == "redis_sentinels" and "://" not in value and "@" in value:
        return f"{MASK}@{value.rpartition('@')[2]}"  # no URL, but somebody may write a password there
    return mask_text(value)


def _masked_value(name: str, value: object) -> object:
    return shown_text(name, value) if isinstance(value, str) else value
