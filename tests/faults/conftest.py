"""The schedules run on the same worlds as the store's own tests."""

from tests.store.conftest import any_client, server_of, world

__all__ = ["any_client", "server_of", "world"]
