"""torch.Tensor: an engine Tensor that knows how it was made and may be written in place."""

from __future__ import annotations

import copy
import warnings
import weakref
from typing import Any

import numpy as np

from framework.engine import accumulate, dlpack
from framework.engine import tensor as engine
from framework.engine.ops.ufuncs import REFLECTED, is_operator, plain
from framework.torch import dtypes
from framework.torch.construction import array_of as as_array
from framework.torch.device import CPU
from framework.torch.device import device as Device
from framework.torch.printing import representation
from framework.torch.refusals import check_differentiable, check_dim, check_grad

NEEDS_DETACH = (
    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
)
NOT_A_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor."
)
LOSES_GRADIENT = (
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
    "Consider using tensor.detach() first."
)
COPIES = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor)."
)
DEFAULTS = {"float32", "int64", "bool"}


class Tensor(engine.Tensor):
    """An n-d array with requires_grad, grad, backward() and in-place operations.

    version: counts writes, shared by all that show the same memory, and names the last one that is
    remembered; _view: what makes it a view (views.py, Note [Views]), or None.
    """

    __slots__ = ("__dict__", "_grad", "_history", "_requires_grad", "_view", "hooks", "version")

    def __init__(self, array: np.ndarray, id: int | None = None, requires_grad: bool = False):
        engine.Tensor.__init__(self, array, id)
        self._requires_grad, self._grad, self._history = requires_grad, None, None
        self.version, self._view = [0], None

    # What it is

    @property
    def shape(self) -> dtypes.Size:
        """The dimensions."""
        return tuple.__new__(dtypes.Size, self.array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The dimensions, or one of them."""
        if dim is None:
            return self.shape
        check_dim(dim, self.array.ndim)
        return self.array.shape[dim]

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes.OF_NUMPY[self.array.dtype]

    def dim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes per element."""
        return self.array.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """How many elements lie between neighbours along each axis, or along one."""
        steps = tuple([n // self.array.itemsize for n in self.array.strides])
        return steps if dim is None else steps[dim]

    def storage_offset(self) -> int:
        """How many elements of the memory lie before the first of this tensor."""
        base = self.array if self._view is None else self._view.base.array
        starts = [a.__array_interface__["data"][0] for a in (self.array, base)]
        return (starts[0] - starts[1]) // self.array.itemsize

    @property
    def device(self) -> Device:
        """Where it is: the CPU."""
        return CPU

    is_cuda = is_sparse = False  # all tensors are dense and on the CPU

    def is_floating_point(self) -> bool:
        """True for float16, float32 and float64."""
        return self.array.dtype.kind == "f"

    def is_contiguous(self) -> bool:
        """True if the elements lie in memory in the order of the axes."""
        return bool(self.array.flags.c_contiguous)

    # Gradients

    @property
    def history(self) -> accumulate.History | None:
        """How it was computed, None for leaves. Read it before `id`: a view whose memory was
        written takes both anew.
        """
        if self._view is not None and self._view.seen != self.version[0]:
            self._view.renew(self)
        return self._history

    @history.setter
    def history(self, value: accumulate.History | None) -> None:
        self._history = value

    @property
    def requires_grad(self) -> bool:
        """True if operations on this tensor are remembered."""
        if self._requires_grad or self._history is not None:
            return True
        return self._view is not None and self._view.base.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if self.history is not None:
            if not value:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use "
                    "a computed variable in a subgraph that doesn't require differentiation use "
                    "var_no_grad = var.detach()."
                )
            return
        if value and self.array.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self._requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set requires_grad; returns the tensor itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """True if no remembered operation made this tensor."""
        return self.history is None

    @property
    def grad_fn(self) -> accumulate.History | None:
        """How this tensor was computed; None for leaves."""
        return self.history

    @property
    def retains_grad(self) -> bool:
        """True for a computed tensor that retain_grad() was called on."""
        return self.history is not None and self.id in self.history.retained

    def retain_grad(self) -> None:
        """Let backward() fill the grad of this computed tensor too."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.history is not None:
            self.history.retained[self.id] = weakref.ref(self)

    @property
    def grad(self) -> Tensor | None:
        """What backward() has accumulated, None before the first."""
        if self._grad is None and self.history is not None and not self.retains_grad:
            warnings.warn(NOT_A_LEAF, UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        check_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def detach(self) -> Tensor:
        """The same memory without history."""
        alias = Tensor(self.array)
        alias.version = self.version
        return alias

    def detach_(self) -> Tensor:
        """Forget the history of this tensor."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.history, self._requires_grad = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history; in-place writes to it are not noticed."""
        return Tensor(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array

    @property
    def _version(self) -> int:
        return self.version[0]

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    # Values

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values, the same memory."""
        if accumulate.MODE.is_enabled and self.requires_grad and not force:
            raise RuntimeError(NEEDS_DETACH)
        return self.array

    def item(self) -> Any:
        """The value of a tensor of one element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self.array.size} elements cannot be converted to Scalar"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.array.tolist()

    def cpu(self) -> Tensor:
        """Itself: everything is on the CPU."""
        return self

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if accumulate.MODE.is_enabled and self.requires_grad:
            raise RuntimeError(NEEDS_DETACH)
        return self.array if dtype is None else self.array.astype(dtype)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple | None = None,
        dl_device: tuple | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule of the tensor's memory; BufferError if it requires a gradient."""
        dlpack.check_device(stream, dl_device)
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        array = self.array
        if not array.flags.writeable and max_version is None:
            copy = True  # an old capsule cannot say that it must not be written
        return dlpack.capsule(np.array(array) if copy else array, max_version)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's function on the values, as tensors; `array + tensor` is the tensor's operator.

        RuntimeError where a gradient would be lost, as in PyTorch.
        """
        if is_operator(ufunc, method, inputs, options):
            return getattr(inputs[1], REFLECTED[ufunc])(inputs[0])
        found = getattr(ufunc, method)(*map(plain, inputs), **options)
        if "out" in options or method not in ("__call__", "reduce"):
            return found
        parts = [Tensor(np.asarray(a)) for a in (found if ufunc.nout > 1 else (found,))]
        return tuple(parts) if ufunc.nout > 1 else parts[0]

    def __bool__(self) -> bool:
        if self.array.size != 1:
            what = "more than one value" if self.array.size else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self.array.item())

    def _scalar(self) -> Any:
        """The only element, for float() and its like."""
        if accumulate.MODE.is_enabled and self.requires_grad:
            warnings.warn(LOSES_GRADIENT, UserWarning, stacklevel=3)
        if self.array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.array.item()

    def __int__(self) -> int:
        return int(self._scalar())

    def __float__(self) -> float:
        return float(self._scalar())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.array.item())

    def __len__(self) -> int:
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self):
        if not self.array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        rows = [self[i] for i in range(self.array.shape[0])]
        for i, row in enumerate(rows):
            row._view.made_in, row._view.number = row._view.made_in or "several", i
            if row._history is not None:
                row._history.title = "UnbindBackward0"
        return iter(rows)

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, (engine.Tensor, int, float)):
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(value)}."
            )
        return bool((self.array == getattr(value, "array", value)).any())

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        if not self.array.ndim:
            return format(self.item(), spec)
        if spec:
            raise TypeError("unsupported format string passed to Tensor.__format__")
        return str(self)

    def __repr__(self) -> str:
        suffixes = []
        if not self.array.size and self.array.ndim != 1:
            suffixes.append(f"size={tuple(self.array.shape)}")
        name = self.array.dtype.name
        if name not in DEFAULTS or (not self.array.size and name != "float32"):
            suffixes.append(f"dtype=torch.{name}")
        made_by = self._made_by()
        if made_by is not None:
            suffixes.append(f"grad_fn=<{made_by}>")
        elif self.requires_grad:
            suffixes.append("requires_grad=True")
        return representation(self.array, suffixes)

    __str__ = __repr__

    def _made_by(self) -> str | None:
        try:
            return None if self.history is None else self.history.title
        except RuntimeError:  # a view that must not follow a write
            return "Invalid"

    def __deepcopy__(self, memo) -> Tensor:
        if self.history is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment."
            )
        copied = Tensor(np.array(self.array), requires_grad=self._requires_grad)
        copied._grad = None if self._grad is None else self._grad.__deepcopy__(memo)
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    def __copy__(self) -> Tensor:
        copied = Tensor(self.array, requires_grad=self.requires_grad)  # the same memory, a leaf
        copied.version = self.version
        copied.__dict__.update(self.__dict__)
        return copied

    def __reduce__(self):
        return Tensor, (np.array(self.array), None, self.requires_grad), self.__dict__ or None


def tensor(
    data: Any, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """A leaf of a copy of `data`: Python floats are float32, ints int64, arrays keep theirs."""
    if isinstance(data, engine.Tensor):
        warnings.warn(COPIES, UserWarning, stacklevel=2)
        data = data.array
    made = Tensor(as_array(data, None if dtype is None else dtypes.wanted("tensor", dtype)))
    check_differentiable(made, requires_grad)
    made.requires_grad = requires_grad
    return made
