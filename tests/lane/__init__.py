"""Tests of one brand's visit: the pure pieces, the session on a real Redis, the lane in virtual time."""
