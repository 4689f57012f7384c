"""Tells a webhook that a spike episode opened or closed.

What is said is in ``message``, delivery in ``deliver`` with ``turns`` and ``cooldown``, signatures in ``signing``. No
face: the settings check a secret with ``signing`` and must not load the HTTP client of ``deliver``
for it. Imports ``contract``, ``process`` and ``errors``.
"""
