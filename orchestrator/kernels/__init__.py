"""The three kernels, compiled or pure, and what they read and write: merge, fold, scan.

Imports errors only (and ``orchestrator._merge``, whose place is fixed). ``choice`` says which are in use;
``merge``, ``fold`` and ``scan`` are those. A twin (``*_py``) is the definition of what its compiled kernel computes.
"""
