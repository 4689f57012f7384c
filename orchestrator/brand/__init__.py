"""The rules of one brand's summary: pure, synchronous, time as an argument.

Imports the contract and the merge kernel only; no trio, no Redis, no clock.
"""
