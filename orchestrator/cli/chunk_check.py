"""Whether the service would accept a line from its brand's queue.

Apart from the command that asks, because decoding chooses its kernel at import: this module must be imported
after the settings are known.
"""

from __future__ import annotations

from orchestrator.cli.ndjson import Line
from orchestrator.contract.brands import check_brand
from orchestrator.contract.decode import Limits, decode_chunk
from orchestrator.errors import InvalidBrandError, InvalidChunkError


def check_line(line: Line, max_chunk_bytes: int) -> str:
    """Return the brand of the chunk in *line*.

    Raises:
        InvalidChunkError: the line is no chunk that the service would accept from that brand's queue.
    """
    if line.too_long:
        raise InvalidChunkError(f"the chunk is larger than MAX_CHUNK_BYTES={max_chunk_bytes}")
    brand = decode_chunk(line.item, None, Limits(max_chunk_bytes=max_chunk_bytes)).brand
    try:
        checked_brand = check_brand(brand)
    except InvalidBrandError as error:
        raise InvalidChunkError(str(error), "$.brand") from None
    if checked_brand != brand:  # registration trims names, so no lane would ever look at this queue
        raise InvalidChunkError(f"brand {brand!r} has blanks around it", "$.brand")
    return brand
