"""Tells a webhook that a spike episode opened or closed: message and delivery (``deliver``), signature (``signing``).

No face: the settings check a secret with ``signing`` and must not load the HTTP client of ``deliver``
for it. Imports ``contract``, ``process`` and ``errors``.
"""
