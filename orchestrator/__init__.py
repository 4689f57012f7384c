"""The reduce step of a brand-monitoring pipeline: chunk results in Redis become one live summary per brand.

The packages, from the top down; each imports only what stands below it (``tests/test_structure.py``)::

    cli, demo           what people start
    worker              for authors of workers; needs contract and errors alone
    service             the running service: its parts put together
    http                what it shows: probes, pages, read API, metrics
    scheduler, lane     which brand is worked on next, and the work
    settings, alerts    what can be set; who is told of spikes
    store               Redis: the atomic commands and the client
    brand               the rules of a summary, pure
    contract            what is on the wire
    kernels             the three inner loops, compiled or pure
    process             logs, metrics, masking and the like, for all of the above
    errors              every error that is raised on purpose

A package that others use as one thing has a face: its ``__init__`` re-exports what they need, and
modules of other packages import that from the face and not from the module that defines it. These are
``cli``, ``http``, ``service``, ``settings``, ``store`` and ``worker``. A package of separate tools has none: its
``__init__`` only says what is inside, and each module is imported by its name.
"""

from __future__ import annotations

__version__ = "0.2.0"
