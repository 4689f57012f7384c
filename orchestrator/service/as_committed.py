"""The settings that a command goes on with where a brand has a state: those of its last commit.

A shell has not always the environment of the service. A command that wrote its own settings into ``meta`` would change
what the brand is folded with, or have the service refused its brand. So what a command does for a brand it does with
the settings of the process that committed last, unless ``SETTINGS_ADOPT`` says that its own are meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract import own_settings
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.errors import OwnSettingError
from orchestrator.store.stored_settings import stored_settings

if TYPE_CHECKING:
    import redis

    from orchestrator.settings import Settings


def as_committed(client: redis.Redis, settings: Settings, brand: str) -> Settings:
    """*settings* with those of the rules as the last commit of *brand* had them; what it has of its own not among them.

    Where nothing is told, or nothing that can be read, they stay as they are: ``acquire`` has the say.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    found = None if settings.settings_adopt else stored_settings(client, [brand]).get(brand)
    if found is None:
        return settings
    try:
        told = Fingerprint.read(found.settings).values
        values = own_settings.check({name: value for name, value in told.items() if name in own_settings.OWN})
    except (ValueError, OwnSettingError):
        return settings
    return settings.model_copy(update={name.lower(): value for name, value in values.items()})
