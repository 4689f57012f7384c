"""A server that speaks the protocol of S3, on this machine alone: moto's, on a thread and a free port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

NOWHERE = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""No key of this machine's owner, and no question to a cloud."""


@contextmanager
def bucket_server() -> Iterator[str]:
    """Where it listens."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """One server for all tests; each takes a bucket of its own."""
    with patch.dict("os.environ", NOWHERE), bucket_server() as endpoint:
        yield endpoint
