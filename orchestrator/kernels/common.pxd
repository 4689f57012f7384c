# cython: language_level=3
"""What more than one kernel uses: fields of structs, texts as UTF-8, MessagePack, numbers in fixed point.

All of it is compiled into each kernel that cimports it; there is no module of this name at run time.
"""

from libc.math cimport nearbyint
from libc.stdint cimport int64_t, uint64_t
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    str PyUnicode_DecodeUTF8(const char* data, Py_ssize_t size, const char* errors)

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(str text) noexcept
    int PyUnicode_KIND(str text) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(str text) noexcept

cdef extern from "held.h" namespace "held" nogil:
    size_t held_block "held::block"(size_t bytes) noexcept
    size_t held_by "held::by"[T](const vector[T]& elements) noexcept

cdef extern from *:
    ctypedef signed long long int128_t "__int128"

cdef extern from "fields.h" namespace "fields":
    cdef cppclass Field:
        Field(const char* name) except +
        object of(object owner)

cdef extern from "msgpack.h" namespace "msgpack":
    cdef cppclass Writer:
        string out
        void nil() except +
        void integer(int64_t value) except +
        void real(double value) except +
        void array(size_t count) except +
        void text(const char* data, size_t size) except +
        void binary(const char* data, size_t size) except +

cdef enum:
    ASCII_HEADER = 48  # bytes of a text in CPython before its characters
    WIDE_HEADER = 72
    FIXED_BITS = 32  # after the point; measure_py.FIXED_ONE says the same, and the tests compare the sums


cdef inline int write_text(Writer* writer, str text) except -1:
    cdef Py_ssize_t size
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    writer.text(data, size)
    return 0


cdef inline Py_ssize_t text_bytes(str text) noexcept:
    """What a text takes in memory."""
    cdef Py_ssize_t header = ASCII_HEADER if PyUnicode_IS_ASCII(text) else WIDE_HEADER
    return (header + (PyUnicode_GET_LENGTH(text) + 1) * PyUnicode_KIND(text) + 15) // 16 * 16


cdef inline int128_t fixed(double value) noexcept nogil:
    """The nearest fixed-point number, ties to even; scaling by a power of two is exact."""
    return <int128_t> nearbyint(value * <double> (<int64_t> 1 << FIXED_BITS))


cdef inline object wide(int128_t value):
    """All 128 bits as a Python number, for which Cython has no conversion."""
    return (int(<int64_t> (value >> 64)) << 64) + <uint64_t> value

cdef extern from *:
    # a number of all that kernels share, from setup.py: two that differ in it must not call each other
    const unsigned int KERNEL_LAYOUT
