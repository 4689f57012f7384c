"""What is on the wire: types of documents, their decoding, their schemas, the names of keys.

Owns what workers, readers and other versions of this service rely on. Imports ``kernels``, which decode, and
``errors``. No face: each module is imported by its name.
"""
