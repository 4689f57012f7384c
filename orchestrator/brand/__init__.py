"""The rules of one brand's summary: from decoded chunks to what readers get.

Owns what is counted, what is shown, and how it is laid out in the fields of the state. :mod:`orchestrator.brand.state`
is the way in; every other module is one part of it, or one rule.

Pure: no I/O, no trio, no Redis, no clock; every time is an argument. Imports ``contract``, ``kernels`` and ``errors``.
No face: each module is imported by its name.
"""
