"""For those who write workers in Python: build a chunk, check it as the service will, name it, push it.

    pusher = Pusher(redis.Redis())
    pusher.push(Chunk(brand="nike", sentiment=Sentiment(score=4, positive=5, neutral=2, negative=1, unit="counts"),
                      clusters=[Cluster(label="Launch", mentions=["m1", "m2"])], processed_at=time.time()))

Face of the package, and the one import path of this project that is public. It needs the standard library alone: the
client of Redis is the caller's, none of the service's own libraries is imported (``tests/worker/test_imports.py``),
and ``pip install --no-deps`` is enough. What it refuses, it refuses in the words of the service's dead letters.

Imports ``contract`` (the names of keys and brands, and the words) and ``errors``. The same for TypeScript is
``clients/typescript``; both agree on each chunkId and each reason (``clients/cases.json``).
"""

from orchestrator.errors import InvalidChunkError, QueueFullError, WrongTypeError
from orchestrator.worker.check import check_chunk
from orchestrator.worker.chunk import Chunk, Cluster, Sentiment, Topic
from orchestrator.worker.item import MAX_CHUNK_BYTES, Item, prepare
from orchestrator.worker.naming import content_id, input_id
from orchestrator.worker.push import AsyncPusher, Pusher
from orchestrator.worker.vectors import centroid_f32, centroid_of

__all__ = [
    "MAX_CHUNK_BYTES",
    "AsyncPusher",
    "Chunk",
    "Cluster",
    "InvalidChunkError",
    "Item",
    "Pusher",
    "QueueFullError",
    "Sentiment",
    "Topic",
    "WrongTypeError",
    "centroid_f32",
    "centroid_of",
    "check_chunk",
    "content_id",
    "input_id",
    "prepare",
]
