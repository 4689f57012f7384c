"""The folder or bucket of an archive, and what a brand has in it: objects of records, bases, the way to a commit.

Blocking, made to be called on threads. Owns names and their reading; the formats of what is in an object are those of
``archive``. Everything found is foreign: names, sizes and bytes. Imports ``errors``, ``process``, ``contract``,
``archive`` and what that stands on. Source: ``docs/decisions/0096-objects-of-an-archive.md``.
"""
