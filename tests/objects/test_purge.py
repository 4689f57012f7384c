"""A brand of some thousand objects leaves a bucket: page by page, and where a page fails the same command goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from orchestrator.archive.record import folder_of
from orchestrator.objects.bucket import Bucket
from orchestrator.objects.objects import Objects
from orchestrator.service.purging import archived, purge_brand

COUNT, SIZE = 2_100, 3
OTHERS = ("brand=another one/day=2026-11-28/x.ndjson.gz", "strange")


class Filled:
    """A bucket with :data:`COUNT` objects of a brand and some of others.

    They are put where moto keeps them: by requests that would take many seconds.
    """

    def __init__(self, url: str, brand: str) -> None:
        self.objects, self._brand = Objects.open(url), brand
        self.bucket, self._folder = urlsplit(url).netloc, urlsplit(url).path.strip("/")
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def fill(self) -> None:
        """Put all of them."""
        days = (f"{folder_of(self._brand)}/day=2026-11-{number % 30 + 1:02d}/{number}" for number in itertools.count())
        for name in (*itertools.islice(days, COUNT), *OTHERS, f"{folder_of(self._brand)}more/x"):
            self._backend.put_object(self.bucket, f"{self._folder}/{name}", b"x" * SIZE)

    def keep_versions(self) -> None:
        """Let the bucket keep what is removed or put again."""
        self._backend.put_bucket_versioning(self.bucket, "Enabled")

    def versions(self) -> int:
        """How many versions of the brand's objects there are."""
        prefix = f"{self._folder}/{folder_of(self._brand)}/"
        return len(self._backend.list_object_versions(self.bucket, prefix=prefix, max_keys=2 * COUNT)[0])


@pytest.fixture
def filled(s3_url: str, brand: str) -> Iterator[Filled]:
    """Not filled yet."""
    found = Filled(s3_url, brand)
    with found.objects:
        yield found


def others(filled: Filled) -> int:
    """Objects that are none of the brand's."""
    return sum(1 for _ in filled.objects.list())


def test_all_pages_of_a_brand_go(filled: Filled, redis_client: redis.Redis, brand: str) -> None:
    """And nothing of others, however their names begin."""
    filled.fill()
    assert archived(filled.objects, brand) == (COUNT, COUNT * SIZE)
    done = purge_brand(redis_client, brand, filled.objects)
    assert (done.objects, done.objects_size, done.remains) == (COUNT, COUNT * SIZE, "")
    assert (archived(filled.objects, brand), others(filled)) == ((0, 0), len(OTHERS) + 1)


def test_page_that_fails_is_told_and_the_same_again_does_the_rest(
    filled: Filled, redis_client: redis.Redis, brand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of three has an object that may not go; the third is not begun. Old versions are the bucket's own."""
    filled.keep_versions()
    filled.fill()
    call, numbers, kept = Bucket._call, itertools.count(1), []

    def failing(bucket: Bucket, method: str, *arguments: Any, **named: Any) -> Any:
        if arguments != ("delete_objects",) or next(numbers) != 2:
            return call(bucket, method, *arguments, **named)
        wanted = named["Delete"]["Objects"]
        kept.append(wanted.pop(500)["Key"])
        return call(bucket, method, *arguments, **named) | {"Errors": [{"Key": kept[0], "Code": "AccessDenied"}]}

    monkeypatch.setattr(Bucket, "_call", failing)
    done = purge_brand(redis_client, brand, filled.objects)
    assert f"{kept[0]!r} was not removed: AccessDenied" in done.remains
    assert archived(filled.objects, brand)[0] == COUNT - 1_999
    done = purge_brand(redis_client, brand, filled.objects)
    assert (done.objects, done.remains, filled.versions()) == (COUNT - 1_999, "", COUNT)
    assert (archived(filled.objects, brand), others(filled)) == ((0, 0), len(OTHERS) + 1)
