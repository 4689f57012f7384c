"""One picture of all processes and brands, and the words for it: page, command line, doctor and health say the same.

``view`` has the types and the rules that sort and count, ``members`` what a process says of itself, ``parking`` why a
brand is left alone and what helps. Pure: :mod:`orchestrator.store.fleet` reads the picture from Redis.

Imports ``contract`` and ``errors`` alone.
"""
