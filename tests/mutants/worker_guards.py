"""The guards of the package for workers: what it refuses, how it names what it pushes; and of how deep JSON may be."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_CHECK: Final = "orchestrator/worker/check.py"
_CHUNK: Final = "orchestrator/worker/chunk.py"
_DEPTH: Final = "orchestrator/contract/depth.py"
_ITEM: Final = "orchestrator/worker/item.py"
_NAMING: Final = "orchestrator/worker/naming.py"
_PUSH: Final = "orchestrator/worker/push.py"
_VECTORS: Final = "orchestrator/worker/vectors.py"

_CHECKS: Final = "tests/worker/test_check.py"
_DEPTHS: Final = "tests/contract/test_depth.py"
_NAMES: Final = "tests/worker/test_naming.py"
_PUSHES: Final = "tests/worker/test_push.py"

WORKER_GUARDS: Final = (
    # check: what the service would refuse, and what nobody would ever read
    Guard(_CHECK, "if unknown := set(schema) - _KNOWN:", "if unknown := set():", _CHECKS),
    Guard(_CHECK, "if check_brand(brand) != brand:", "if False:", _CHECKS),
    Guard(_CHECK, "if value is not None and not float(value).is_integer():", "if False:", _CHECKS),
    Guard(_CHECK, 'if kind == "float" and not math.isfinite(value):', "if False:", _CHECKS),
    Guard(_CHECK, "if name not in value:", "if False:", _CHECKS),
    Guard(_ITEM, "if len(data) > max_bytes:", "if False:", _CHECKS),
    Guard(_VECTORS, "if not math.isfinite(number):", "if False:", _CHECKS),
    Guard(_VECTORS, "if abs(number) > MAX_MAGNITUDE:", "if False:", _CHECKS),
    Guard(_VECTORS, "if len(numbers) > MAX_DIMENSIONS:", "if False:", _CHECKS),
    Guard(_VECTORS, "if len(data) % 4:", "if False:", _CHECKS),
    # depth: one for chunks, letters, payloads that are mended, bodies of requests, and for both kernels
    Guard(_DEPTH, "if depth > MAX_DEPTH:", "if depth > MAX_DEPTH + 1:", _DEPTHS),
    Guard(_DEPTH, '.count(b"{") <= MAX_DEPTH:', '.count(b"{") <= 2 * MAX_DEPTH:', _DEPTHS),
    Guard("orchestrator/contract/decode.py", "if too_deep(document):", "if False:", _DEPTHS),
    Guard("orchestrator/contract/letters.py", "None if too_deep(raw) else json", "json", _DEPTHS),
    Guard("orchestrator/contract/letters.py", 'raw.decode("utf-8-sig", "surrogatepass")', "raw", _DEPTHS),
    Guard(_DEPTH, """]*+)*+"?|""", """]*)*"?|""", _DEPTHS),
    Guard("orchestrator/contract/set_value.py", "if too_deep(payload):", "if False:", _DEPTHS),
    Guard("orchestrator/http/ops_api.py", "if too_deep(body):", "if False:", "tests/http/test_ops_api.py"),
    Guard(_ITEM, "if too_deep(data):", "if False:", _DEPTHS),
    # chunk, naming: no two pieces of work have one name, and one has no two
    Guard(_CHUNK, "if self.processed_at is None:", "if False:", _CHECKS),
    Guard(_CHUNK, "if value.utcoffset() is None:", "if False:", _CHECKS),
    Guard(_NAMING, "if not wanted:", "if False:", _NAMES),
    Guard(_NAMING, "isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER", "False", _NAMES),
    Guard(_NAMING, "if each is not None), key=_name)", "), key=_name)", _NAMES),
    Guard(_NAMING, "if each is not None), key=_name)", "if each is not None))", _NAMES),
    Guard(_NAMING, " if name != 'chunkId'", "", _NAMES),
    # push: no more than may wait, in order, and nothing before all of it is right
    Guard(_PUSH, "waiting >= self.most_waiting:", "waiting > self.most_waiting:", _PUSHES),
    Guard(_PUSH, "self.waiting.get(brand, self.most_waiting)", "self.waiting.get(brand, 0)", _PUSHES),
    Guard(_PUSH, "return list(_batches(found))", "return [[item] for item in found]", _PUSHES),
    Guard(_PUSH, "or size > BATCH_BYTES", "", _PUSHES),
    Guard(_PUSH, 'if kind not in {"set", "list", "none"}:', "if False:", _PUSHES),
    Guard(
        _PUSH,
        "elif self._client.lpos(REGISTRY_KEY, brand) is None:",
        "else:",
        f"{_PUSHES}::test_brand_is_registered_where_the_service_looks",
    ),
)
