"""Tests of the scheduler: the pure rule, and the trio shell in virtual time and on a real Redis."""
