"""Tests of the kernels and their twins."""
