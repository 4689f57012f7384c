"""Tests of the Redis store, against every real server on this machine and fakeredis."""
