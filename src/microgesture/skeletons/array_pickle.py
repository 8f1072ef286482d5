"""Pickles of plain values and NumPy arrays, read without running anything that the file names.

A pickle is a program: it names functions and calls them. Here only the names with which NumPy rebuilds arrays, data
types and scalars are known (of NumPy 1 and 2), and behind each stands a function of this module that checks what it is
given. Anything else is refused before it is looked up. Objects, also in arrays, are not read.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import DataError

_PLAIN_TYPE = re.compile(r"[<>|=]?(\?|[biufSU]\d{1,5})")
_DEEPEST = 12


def load_array_pickle(path: str | Path) -> Any:
    """The value in a pickle file: dicts, lists, tuples, sets, texts, numbers, None and NumPy arrays of these.

    Raises `DataError` naming the file when it is no pickle, is cut off, or names anything but NumPy's constructors;
    what it names is never run.
    """
    try:
        with Path(path).open("rb") as file:
            return _unwrapped(_ArrayUnpickler(file, encoding="latin1").load(), {})
    except _Refused as error:
        raise DataError(
            f"{path}: refused, only NumPy arrays and plain values are read from a pickle: {error}"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except MemoryError:
        raise DataError(f"{path}: does not fit into the memory") from None
    except Exception:  # a broken pickle can raise anything
        raise DataError(f"{path}: not a pickle, or cut off") from None


class _Refused(Exception):
    """Something in the pickle that is not read; the message says what."""


class _Constructor:
    """A function that a pickle may call, and can do nothing else to."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("a change of a function")


class _DataType:
    """Stands for a `numpy.dtype` while the pickle builds it."""

    __slots__ = ("value",)

    def __init__(self, code: Any, *_: Any) -> None:
        if isinstance(code, bytes):
            code = code.decode("ascii")
        if not isinstance(code, str) or not _PLAIN_TYPE.fullmatch(code):
            raise _Refused(f"an array of type {str(code)[:20]!r}")
        self.value = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _Refused("an array of records")
        if order in ("<", ">"):
            self.value = np.dtype(order + self.value.str[1:])


class _Array:
    """Stands for a `numpy.ndarray` until the pickle has given its state: version, shape, type, order, bytes."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, data_type, fortran, data = state
        self.value = _array(data, data_type, shape, "F" if fortran else "C")


_NDARRAY = _Constructor(lambda *_: _refuse("a call of numpy.ndarray"))


def _refuse(what: str) -> None:
    raise _Refused(what)


def _array(data: Any, data_type: Any, shape: Any, order: str = "C") -> np.ndarray:
    """An array from its bytes, after checking that they are as many as its shape says."""
    if isinstance(data, list):
        raise _Refused("an array of objects")
    if isinstance(data, str):
        data = data.encode("latin1")
    shape = shape if isinstance(shape, tuple) else (shape,)
    value = data_type.value
    if not all(type(n) is int and n >= 0 for n in shape) or len(data) != math.prod(shape) * value.itemsize:
        raise _Refused("an array whose size is not that of its data")
    if not len(data):
        return np.zeros(shape, dtype=value)
    return np.frombuffer(data, dtype=value).reshape(shape, order="F" if order == "F" else "C")


def _empty_array(kind: Any, *_: Any) -> _Array:
    if kind is not _NDARRAY:
        raise _Refused("an array of another class")
    return _Array()


def _scalar(data_type: Any, data: Any) -> Any:
    return _array(data, data_type, (1,))[0]


def _encoded(text: Any, encoding: Any) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"text in {encoding!r}")
    return text.encode("latin1")


def _no_bytes(*args: Any) -> bytes:
    if args:
        raise _Refused("a call of bytes")
    return b""


_MULTIARRAY = {"_reconstruct": _Constructor(_empty_array), "scalar": _Constructor(_scalar)}
_NUMERIC = {"_frombuffer": _Constructor(_array)}
_KNOWN: dict[str, dict[str, _Constructor]] = {
    "numpy": {"ndarray": _NDARRAY, "dtype": _Constructor(_DataType)},
    "numpy.core.multiarray": _MULTIARRAY,
    "numpy._core.multiarray": _MULTIARRAY,
    "numpy.core.numeric": _NUMERIC,
    "numpy._core.numeric": _NUMERIC,
    "_codecs": {"encode": _Constructor(_encoded)},  # how protocols 0 to 2 write bytes
    "__builtin__": {"bytes": _Constructor(_no_bytes)},
    "builtins": {"bytes": _Constructor(_no_bytes)},
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _KNOWN[module_name][global_name]
        except KeyError:
            raise _Refused(f"it names {module_name}.{global_name}"[:100]) from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an object outside the file")


def _unwrapped(value: Any, done: dict[int, Any], depth: int = 0) -> Any:
    """The value with arrays and types in the place of what stood for them; `done` holds containers by id."""
    if depth > _DEEPEST:
        raise _Refused("values nested too deep")
    if isinstance(value, dict | list | tuple | set | frozenset):
        if id(value) not in done:
            if isinstance(value, dict):
                items = [(_unwrapped(k, done, depth + 1), _unwrapped(v, done, depth + 1)) for k, v in value.items()]
                done[id(value)] = dict(items)
            else:
                done[id(value)] = type(value)(_unwrapped(item, done, depth + 1) for item in value)
        return done[id(value)]
    if isinstance(value, _DataType | _Array):
        if value.value is None:
            raise _Refused("an array without data")
        return value.value
    if isinstance(value, _Constructor):
        raise _Refused("a function as a value")
    return value
