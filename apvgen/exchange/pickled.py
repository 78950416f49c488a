"""Reading a pickled dictionary of numbers without trusting it.

EchoMimicV2 keeps poses as `.npy` files whose one entry is a pickled dictionary. A pickle is a program; here it can call
nothing but the stand-ins below, which build arrays of numbers and nothing else. Neither numpy's own unpickling nor any
importable name takes part.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any

import numpy as np

_NUMERIC = re.compile(r"[fiub][1248]?")
_OBJECT = "O8"


class Refused(ValueError):
    """The file holds more than numbers; the message says what."""


class _Dtype:
    """Stands for `numpy.dtype` while a pickle is read."""

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str) or not (_NUMERIC.fullmatch(code) or code == _OBJECT):
            raise Refused(f"an array of type {str(code)[:20]!r}")
        self.is_object = code == _OBJECT
        self.dtype = np.dtype(np.uint8 if self.is_object else code)

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for `numpy.ndarray` while a pickle is read; `value` is what it holds."""

    def __init__(self, *_arguments: object) -> None:
        self.value: Any = None

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], _Dtype)):
            raise Refused("an array of unknown form")
        _, shape, dtype, by_columns, content = state
        self.value = _single(shape, content) if dtype.is_object else _numbers(shape, dtype, by_columns, content)


class _Scalar(_Array):
    """Stands for one number of numpy while a pickle is read."""

    def __init__(self, dtype: object, content: object) -> None:
        if not isinstance(dtype, _Dtype) or dtype.is_object:
            raise Refused("a number of unknown form")
        self.value = _numbers((), dtype, False, content).item()


def _single(shape: object, content: object) -> object:
    if shape != () or not isinstance(content, list) or len(content) != 1:
        raise Refused("an array of Python objects")
    return content[0]


def _numbers(shape: object, dtype: _Dtype, by_columns: object, content: object) -> np.ndarray:
    if not isinstance(content, bytes) or not isinstance(shape, tuple):
        raise Refused("an array of unknown form")
    flat = np.frombuffer(content, dtype.dtype) if content else np.zeros(0, dtype.dtype)
    return flat.reshape(shape, order="F" if by_columns else "C")


_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_STAND_INS = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    **{(module, "_reconstruct"): _Array for module in _ARRAY_MODULES},
    **{(module, "scalar"): _Scalar for module in _ARRAY_MODULES},
}
"""Classes only, each with a `__setstate__`, so that a pickle cannot change what it is given."""

_MOST_ENTRIES, _DEEPEST = 64, 4


_INSTRUCTIONS = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.STACK_GLOBAL),
    *(
        pickle.REDUCE,
        pickle.BUILD,
        pickle.MEMOIZE,
        pickle.BINPUT,
        pickle.LONG_BINPUT,
        pickle.BINGET,
        pickle.LONG_BINGET,
    ),
    *(pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
    *(pickle.BINFLOAT, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINUNICODE, pickle.SHORT_BINUNICODE),
)
"""All that numpy writes of numbers since protocol 3. None of them reserves memory that the file does not fill."""


# The one written in Python: C's knows more instructions, and reserves memory for whatever memo index a pickle names.
class _Unpickler(pickle._Unpickler):
    dispatch = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _INSTRUCTIONS}  # noqa: RUF012

    def find_class(self, module: str, name: str) -> object:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise Refused(f"a call of {module}.{name}"[:80]) from None


def loads(content: bytes) -> object:
    """What a `.npy` file with one pickled entry holds, as far as that is numbers, strings, lists, dictionaries, arrays.

    Raises Refused for anything else, and for a file that is no such `.npy`.
    """
    file = io.BytesIO(content)
    _skip_header(file)
    try:
        return _plain(_Unpickler(file).load())
    except Refused:
        raise
    except Exception as error:  # A pickle with a damaged or a refused instruction can make the reader fail in any way.
        raise Refused(f"a damaged pickle, or more than a pose needs ({type(error).__name__})") from error


def _skip_header(file: io.BytesIO) -> None:
    try:
        version = np.lib.format.read_magic(file)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = reader(file)
    except (ValueError, KeyError) as error:
        raise Refused("no .npy header") from error
    if shape != () or dtype.kind != "O":
        raise Refused(f"an array of shape {list(shape)} instead of one dictionary"[:80])


def _plain(value: object, depth: int = 0) -> object:
    """Without stand-ins. Few and shallow dictionaries only: a pickle can nest one in itself."""
    if isinstance(value, _Array):
        return _plain(value.value, depth + 1)
    if not isinstance(value, dict):
        return value
    if depth > _DEEPEST or len(value) > _MOST_ENTRIES:
        raise Refused("a larger dictionary than a pose")
    return {key: _plain(entry, depth + 1) for key, entry in value.items()}
