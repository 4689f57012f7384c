"""Which brand gets a lane, and when.

Owns the roster of brands, the running lanes, and how work is discovered. What a lane does is its own business.
Imports ``lane``, ``store``, ``brand`` (the type of what it passes on to alerts), ``contract``, ``process`` and
``errors``. No face: each module is imported by its name.
"""
