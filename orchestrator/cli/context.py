"""What commands need before they can begin: the settings in force and a way to Redis.

Owns the translation of store errors into sentences that name the address. Commands other than ``run`` log
nothing; remarks on settings go to standard error.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Concatenate, ParamSpec, TypeVar

import redis

from orchestrator.cli.terminal import Failure, Misuse, remark
from orchestrator.errors import StoreRefusedError, StoreUnavailableError, WrongTypeError
from orchestrator.process.masking import mask_text
from orchestrator.settings import LoadedSettings, Settings, load_settings
from orchestrator.store import Login, connect
from orchestrator.store.embedded import SCHEME, EmbeddedRedis

_OTHERS = ("READONLY", "ERR: unknown command")
"""What a replica answers, and what a sentinel."""

P = ParamSpec("P")
T = TypeVar("T")


def read_settings() -> LoadedSettings:
    """The settings in force; the merge kernel's switch also reaches the module that reads it at import.

    Raises:
        SettingsError: a value is unusable.
    """
    loaded = load_settings()
    if loaded.settings.orchestrator_merge:
        # Kernel selection happens at import and knows the environment only; this makes .env count there too.
        os.environ["ORCHESTRATOR_MERGE"] = loaded.settings.orchestrator_merge
    return loaded


def load_kernel() -> ModuleType:
    """Which kernels are in use; imported late because they are chosen at import, and their switch may stand in .env.

    Raises:
        Failure: ORCHESTRATOR_MERGE=cython, and the compiled kernel does not load.
    """
    try:
        importlib.import_module("orchestrator.contract.decode")  # loads every kernel under the same switch
        return importlib.import_module("orchestrator.kernels.choice")
    except ImportError as error:
        wanted = os.environ.get("ORCHESTRATOR_MERGE", "")
        raise Failure(f"ORCHESTRATOR_MERGE={wanted}, but the merge kernel does not load: {error}") from None


def with_settings(function: Callable[Concatenate[Settings, P], T]) -> Callable[P, T]:
    """Give a command the settings as its first argument, after warnings about misspelt names."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> T:
        loaded = read_settings()
        for text in loaded.warnings:
            remark(f"Warning: {text}")
        return function(loaded.settings, *args, **kwargs)

    return command


@contextmanager
def open_redis(settings: Settings) -> Iterator[redis.Redis]:
    """A client on the configured Redis; store errors inside of the block become one sentence each.

    Redis calls in the block belong into ``with translated():``; it must not cover files or the terminal.

    Raises:
        Failure: Redis does not answer, or refuses.
    """
    with _address(settings) as url:
        client = connect(url, timeout_s=settings.redis_timeout_sec, pool_size=1, login=Login(*settings.login))
        shown = mask_text(settings.server_url)
        try:
            yield client
        except StoreUnavailableError as error:
            again = "; sentinels may be choosing another primary: try again in some seconds"
            patience = again if "+sentinel://" in shown else ""
            raise Failure(f"Redis at {shown} does not answer: {error}{patience}") from None
        except WrongTypeError as error:
            look = "redis-cli TYPE it, and RENAME or DEL it: nothing of the protocol writes a key of that type there"
            raise Failure(f"Redis at {shown}: {error}; {look}") from None
        except StoreRefusedError as error:
            look = "; 'orchestrator doctor' says what answers there" if str(error).startswith(_OTHERS) else ""
            raise Failure(f"Redis at {shown} refuses: {error}{look}") from None
        finally:
            client.close()


@contextmanager
def _address(settings: Settings) -> Iterator[str]:
    """The address to connect to; a server in a folder is joined if it runs and started for the command if not."""
    if not settings.embedded:
        yield settings.server_url
    elif settings.redis_url == SCHEME:
        raise Misuse(
            f"REDIS_URL={SCHEME} is private to the service that started it; set REDIS_URL to the address that its log"
            f" and /health name, or use {SCHEME}/a/folder for both"
        )
    else:
        with EmbeddedRedis(settings.redis_url) as server:
            yield server.url
