"""Brings what was consumed from Redis into the archive: which brand's turn it is, one object at a time, and bases.

``plan`` and ``known`` decide and are pure; ``writer`` makes one brand's turn, ``archivist`` is the task around them.
Both speak to Redis and to the archive through ``ports``. Imports ``errors``, ``process`` and
``contract``. Source: ``docs/decisions/0097-who-writes-the-archive.md``.
"""
