"""Tests of an archive's objects, and of a brand's way through them."""
