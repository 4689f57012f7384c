/* Fields of structs, read where they stand in memory. */
#ifndef ORCHESTRATOR_KERNELS_FIELDS_H
#define ORCHESTRATOR_KERNELS_FIELDS_H

#include <Python.h>
#include <structmember.h>

namespace fields {

/* One field, of whatever has it.
 *
 * A struct's field is a slot. To find the slot by its name takes the interpreter several times as long as to read it,
 * and a batch has tens of thousands of fields. So its place is kept for the first type that has such a slot; whatever
 * else comes is asked by name. */
class Field {
    PyObject *name;
    PyTypeObject *type = nullptr;
    Py_ssize_t place = 0;

    PyObject *by_name(PyObject *object) {
        PyObject *value = PyObject_GetAttr(object, name);
        if (value && !type) remember(Py_TYPE(object));
        return value;
    }

    void remember(PyTypeObject *its) {
        if (its->tp_getattro != PyObject_GenericGetAttr) return;
        PyObject *found = PyObject_GetAttr((PyObject *)its, name);
        if (!found) {
            PyErr_Clear();
            return;
        }
        /* A slot of another type may be a base's, with the same place: asking by name is right for these, too. */
        if (Py_IS_TYPE(found, &PyMemberDescr_Type) && PyDescr_TYPE(found) == its) {
            PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
            if (member->type == T_OBJECT_EX) {
                type = (PyTypeObject *)Py_NewRef((PyObject *)its); /* never given back: kernels stay loaded */
                place = member->offset;
            }
        }
        Py_DECREF(found);
    }

  public:
    explicit Field(const char *text) : name(PyUnicode_InternFromString(text)) {}

    /* A new reference to the value; null, and an exception is set, if there is none. */
    PyObject *of(PyObject *object) {
        if (Py_TYPE(object) == type) {
            PyObject *value = *(PyObject **)((char *)object + place);
            if (value) return Py_NewRef(value);
        }
        return by_name(object);
    }
};

}  // namespace fields

#endif
