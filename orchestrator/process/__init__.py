"""What every process needs, whatever it does.

Holds ``backoff``, ``failpoints``, ``logs``, ``masking``, ``memory`` and ``metrics``. No face: these tools
have nothing to do with each other. Imports ``errors`` and no other package.
"""
