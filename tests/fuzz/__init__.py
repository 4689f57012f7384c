"""Fuzzing of the compiled kernels against their twins, under sanitizers: ``python -m tests.fuzz``."""
