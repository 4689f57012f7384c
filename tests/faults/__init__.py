"""Fault injection: schedules, models and campaigns that would notice if a guard of the protocol were missing.

Everything random is seeded, and a failure prints its seed and its log of faults. ``make test`` runs small campaigns;
``make torture`` (``python -m tests.torture``) runs the long ones, with the figures that docs/reliability.md quotes.
Whether each guard is really missed is the mutation gate's question (:mod:`tests.mutants`).
"""
