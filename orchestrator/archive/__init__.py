"""What was consumed, and what can be made of it again: records, their chain, the refold; a state as one file.

Rules alone: everything is an argument, and nothing is read or written anywhere. Imports ``errors``, ``kernels``,
``contract``, ``brand``, the values of ``store`` and the ledger of ``lane``. Source:
``docs/decisions/0093-what-an-archive-holds.md``.
"""
