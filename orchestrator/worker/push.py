"""Pushing chunks, with a client of Redis that the caller has: RPUSH, and no more than may wait.

A push that was cut off may be repeated: a chunkId counts once. Errors of the client pass as they are. The bound on what
waits is soft. RPUSH itself tells the length, so nothing is asked as long as there is room, and workers that push at
the same time may each go beyond it by the chunks of one call's batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.brands import check_brand
from orchestrator.contract.keys import BRAND_LIST_KEYS, queue_key
from orchestrator.errors import InvalidBrandError, InvalidChunkError, QueueFullError, WrongTypeError
from orchestrator.worker.chunk import Chunk
from orchestrator.worker.item import MAX_CHUNK_BYTES, Item, prepare

if TYPE_CHECKING:
    import redis
    import redis.asyncio

    Pushable = Chunk | Mapping[str, Any] | Item

REGISTRY_KEY: Final = BRAND_LIST_KEYS[0]
BATCH_ITEMS: Final = 256  # with BATCH_BYTES: about 1 MB a round trip is the best size for Redis
BATCH_BYTES: Final = 1024 * 1024


class _Course:
    """What a pusher knows and decides, without I/O: what is checked, what goes together, whether there is room."""

    def __init__(self, most_waiting: int | None, max_chunk_bytes: int) -> None:
        if most_waiting is not None and most_waiting < 1:
            raise ValueError(f"most_waiting must be at least 1, or None for no bound, got {most_waiting}")
        self.max_chunk_bytes = max_chunk_bytes
        self.most_waiting = most_waiting
        self.waiting: dict[str, int] = {}
        self.registered: set[str] = set()

    def batches(self, chunks: Iterable[Pushable]) -> list[list[Item]]:
        """All *chunks*, checked before the first one goes, in batches of one brand each; a brand keeps its order."""
        found = [each if isinstance(each, Item) else prepare(each, max_bytes=self.max_chunk_bytes) for each in chunks]
        return list(_batches(found))

    def must_ask(self, brand: str) -> bool:
        """Whether the queue's length has to be asked for before a push."""
        return self.most_waiting is not None and self.waiting.get(brand, self.most_waiting) >= self.most_waiting

    def refuse(self, brand: str, waiting: int, pushed: list[str]) -> None:
        """Raise where no more may wait."""
        self.waiting[brand] = waiting
        if self.most_waiting is not None and waiting >= self.most_waiting:
            raise QueueFullError(brand, waiting, self.most_waiting, tuple(pushed))


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    waiting: dict[str, list[Item]] = {}
    sizes: dict[str, int] = {}
    for item in items:
        batch = waiting.setdefault(item.brand, [])
        size = sizes.get(item.brand, 0) + len(item.data)
        if batch and (len(batch) == BATCH_ITEMS or size > BATCH_BYTES):
            yield batch
            batch, size = [], len(item.data)
        batch.append(item)
        waiting[item.brand], sizes[item.brand] = batch, size
    yield from waiting.values()


def _registrable(brand: str) -> str:
    try:
        return check_brand(brand)
    except InvalidBrandError as error:
        raise InvalidChunkError(str(error), "$.brand") from None


def _kind(reply: bytes | str) -> str:
    """The Redis type of the registry, which a client may tell as bytes or as text."""
    kind = reply.decode() if isinstance(reply, bytes) else reply
    if kind not in {"set", "list", "none"}:
        raise WrongTypeError(REGISTRY_KEY, kind, "set or a list of brands")
    return kind


class Pusher:
    """Pushes chunks through *client*.

    Args:
        client: a ``redis.Redis``, however it decodes its answers.
        most_waiting: no push to a queue in which so many chunks wait; None: no bound.
        registers: whether the brand of each chunk is registered before the first one goes. Otherwise somebody else
            does that, and chunks wait until then.
        max_chunk_bytes: what the service takes (``MAX_CHUNK_BYTES``).
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        most_waiting: int | None = None,
        registers: bool = False,
        max_chunk_bytes: int = MAX_CHUNK_BYTES,
    ) -> None:
        self._client: Any = client
        self._course = _Course(most_waiting, max_chunk_bytes)
        self._registers = registers

    def push(self, chunk: Pushable) -> str:
        """Push one chunk; its chunkId.

        Raises:
            InvalidChunkError: the service would not accept it; nothing was sent.
            QueueFullError: too many wait; nothing was pushed.
        """
        return self.push_all([chunk])[0]

    def push_all(self, chunks: Iterable[Pushable]) -> list[str]:
        """Push *chunks*, each brand's in their order; their chunkIds in the order in which they went.

        Raises:
            InvalidChunkError: the service would not accept one of them; nothing was sent.
            QueueFullError: too many wait; its ``pushed`` says which were pushed. Pushing all of them again is safe.
        """
        pushed: list[str] = []
        for batch in self._course.batches(chunks):
            brand = batch[0].brand
            if self._registers and brand not in self._course.registered:
                self.register(brand)
            if self._course.must_ask(brand):
                self._course.refuse(brand, self.waiting(brand), pushed)
            self._course.waiting[brand] = self._client.rpush(queue_key(brand), *[item.data for item in batch])
            pushed += [item.chunk_id for item in batch]
        return pushed

    def waiting(self, brand: str) -> int:
        """How many chunks of *brand* wait."""
        length: int = self._client.llen(queue_key(_registrable(brand)))
        return length

    def register(self, brand: str) -> None:
        """Have *brand* folded; the registry keeps the Redis type that it has. Nothing changes if it is there already.

        Raises:
            InvalidChunkError: no brand can have this name.
            WrongTypeError: the registry is neither set nor list.
        """
        brand = _registrable(brand)
        if _kind(self._client.type(REGISTRY_KEY)) != "list":
            self._client.sadd(REGISTRY_KEY, brand)
        elif self._client.lpos(REGISTRY_KEY, brand) is None:
            self._client.rpush(REGISTRY_KEY, brand)
        self._course.registered.add(brand)


class AsyncPusher:
    """:class:`Pusher` for a ``redis.asyncio.Redis``: the same, awaited."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        most_waiting: int | None = None,
        registers: bool = False,
        max_chunk_bytes: int = MAX_CHUNK_BYTES,
    ) -> None:
        self._client: Any = client
        self._course = _Course(most_waiting, max_chunk_bytes)
        self._registers = registers

    async def push(self, chunk: Pushable) -> str:
        """As :meth:`Pusher.push`."""
        return (await self.push_all([chunk]))[0]

    async def push_all(self, chunks: Iterable[Pushable]) -> list[str]:
        """As :meth:`Pusher.push_all`. Who is cancelled meanwhile pushes all of them again."""
        pushed: list[str] = []
        for batch in self._course.batches(chunks):
            brand = batch[0].brand
            if self._registers and brand not in self._course.registered:
                await self.register(brand)
            if self._course.must_ask(brand):
                self._course.refuse(brand, await self.waiting(brand), pushed)
            self._course.waiting[brand] = await self._client.rpush(queue_key(brand), *[item.data for item in batch])
            pushed += [item.chunk_id for item in batch]
        return pushed

    async def waiting(self, brand: str) -> int:
        """As :meth:`Pusher.waiting`."""
        length: int = await self._client.llen(queue_key(_registrable(brand)))
        return length

    async def register(self, brand: str) -> None:
        """As :meth:`Pusher.register`."""
        brand = _registrable(brand)
        if _kind(await self._client.type(REGISTRY_KEY)) != "list":
            await self._client.sadd(REGISTRY_KEY, brand)
        elif await self._client.lpos(REGISTRY_KEY, brand) is None:
            await self._client.rpush(REGISTRY_KEY, brand)
        self._course.registered.add(brand)
