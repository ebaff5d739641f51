"""Paths that stay on a GPU, as torch, CuPy, JAX and Numba read them without a copy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

CPU, CUDA = 1, 2  # DLPack's numbers of devices
FLOAT = 2  # DLPack's number of a type
NAME = b"dltensor"
ALREADY_ORDERED, DEFAULT = -1, 1  # streams as DLPack numbers them: no wait is needed; CUDA's stream 0


class DeviceArray:
    """An array in a GPU's memory: `torch.from_dlpack(array)` and `torch.as_tensor(array)` share it.

    It offers `__dlpack__` and `__cuda_array_interface__`; `copy_to_host()` gives a NumPy array. Values of
    one time lie side by side (the last axis, time, has the largest stride but one): a kernel writes them
    so in whole cache lines.
    """

    def __init__(self, buffer: Any, pointer: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any, *,
                 device: tuple[int, int] = (CUDA, 0), stream: int = 0,
                 wait: Callable[[], None] = lambda: None) -> None:
        """`strides` in bytes; `buffer` owns the memory; `wait` returns when `stream` has written it."""
        self.shape, self.strides, self.dtype = shape, strides, np.dtype(dtype)
        self.buffer, self._pointer, self._device, self._stream, self._wait = buffer, pointer, device, stream, wait

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        self._wait()  # not every consumer looks at the entry "stream"
        return {"shape": self.shape, "strides": self.strides, "typestr": self.dtype.str,
                "data": (self._pointer, False), "version": 3, "stream": None}

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device

    def __dlpack__(self, *, stream: int | None = None, max_version: Any = None, dl_device: Any = None,
                   copy: bool | None = None) -> Any:
        """A capsule of the DLPack protocol.

        Raises
        ------
        BufferError
            If another device or a copy is asked for.
        """
        if copy or dl_device not in (None, self._device):
            raise BufferError("paths on a GPU are shared as they lie; copy_to_host() copies them")
        if stream not in (ALREADY_ORDERED, self._stream or DEFAULT):
            self._wait()
        return _capsule(self)

    def first_layer(self) -> DeviceArray:
        """array[0], in the same memory."""
        return DeviceArray(self.buffer, self._pointer, self.shape[1:], self.strides[1:], self.dtype,
                           device=self._device, stream=self._stream, wait=self._wait)

    def copy_to_host(self) -> np.ndarray:
        """A NumPy array of the same shape."""
        self._wait()
        flat = self.buffer.copy_to_host()
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, self.shape, self.strides))

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype.name})"


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _Type(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", _Device), ("ndim", ctypes.c_int32), ("dtype", _Type),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]
_exported: dict[int, tuple[Any, ...]] = {}  # what consumers still read, by the address of its description


def _forget(managed: Any, exported: dict[int, tuple[Any, ...]] = _exported) -> None:
    exported.pop(ctypes.addressof(managed.contents), None)


def _drop(capsule: int, exported: dict[int, tuple[Any, ...]] = _exported) -> None:
    if _is_valid(capsule, NAME):  # a consumer that took it has renamed it
        exported.pop(_get_pointer(capsule, NAME), None)


_deleter = _Deleter(_forget)
_destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_drop)
_api = ctypes.PyDLL(None)
_new, _is_valid, _get_pointer = _api.PyCapsule_New, _api.PyCapsule_IsValid, _api.PyCapsule_GetPointer
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]


def _capsule(array: DeviceArray) -> Any:
    n, itemsize = len(array.shape), array.dtype.itemsize
    shape = (ctypes.c_int64 * n)(*array.shape)
    strides = (ctypes.c_int64 * n)(*(s // itemsize for s in array.strides))
    managed = _Managed()
    managed.tensor = _Tensor(array._pointer, _Device(*array._device), n, _Type(FLOAT, 8 * itemsize, 1), shape,
                             strides, 0)
    managed.deleter = _deleter
    address = ctypes.addressof(managed)
    _exported[address] = (managed, shape, strides, array.buffer)
    return _new(address, NAME, ctypes.cast(_destructor, ctypes.c_void_p))
