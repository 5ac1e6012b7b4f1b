"""Layer: weights, and a function `call` that uses them."""

from __future__ import annotations

import functools
import inspect
import logging
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from framework.engine import nest, ops
from framework.engine.op import Sample
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.calls import CALLS
from framework.keras.configurable import Configurable
from framework.keras.layers.input_spec import check_inputs
from framework.keras.layers.structure import has_arrays, shapes_of, to_shape
from framework.keras.layers.tracking import Tracking
from framework.keras.naming import auto_name
from framework.keras.policy import policy_of
from framework.keras.symbolic import KerasTensor, SymbolicMixin, call_symbolically, is_symbolic

LOG = logging.getLogger("framework")


class Layer(Tracking, SymbolicMixin, Configurable, kind="layer"):
    """Base of all layers: subclasses write `__init__`, `build(input_shape)` and `call(x)`.

    The first call builds: `build` makes the weights with `add_weight`. Variables and layers that
    are attributes, or in lists and dicts that are, belong to the layer. Float inputs are cast to
    the layer's dtype (float32).
    """

    samples: ClassVar[tuple[Sample, ...]] = ()
    takes_floats: ClassVar[bool] = False  # integer inputs become floats, too
    takes_values: ClassVar[bool] = False  # by position not only tensors, but numbers and slices
    is_shapeless: ClassVar[bool] = False  # the input's shape means nothing: it is not saved
    input_spec: Any = None
    _losses: list

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = building(vars(cls)["build"])  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any):
        self = super().__new__(cls, *args, **kwargs)
        vars(self).update(built=False, _losses=[], _layer_calls=[], _trainable=True, _call_number=0)
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: tuple | None = None,
        input_dim: int | None = None,
        **unknown: Any,
    ):
        if unknown:
            configurable.refuse(self, unknown)
        self.name = auto_name(type(self).__name__) if name is None else str(name)
        if "/" in self.name:
            raise ValueError(
                f"{type(self).__name__}: name {self.name!r} holds a '/', which separates names in "
                "paths"
            )
        self.activity_regularizer = configurable.get("regularizer", activity_regularizer)
        self._trainable, self.autocast = bool(trainable), autocast
        self.dtype_policy = policy_of(dtype)
        self._dtype = self.dtype_policy.numpy_dtype
        shape = (input_dim,) if input_dim is not None else input_shape
        self._batch_shape = (
            None if shape is None else (None, *shape)
        )  # Keras' old way to say keras.Input

    # What a subclass writes.

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of that shape (None: unknown dimension)."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The output for Tensors; may take `training`."""
        raise NotImplementedError(f"layer {type(self).__name__} has no `call` method")

    # Calls.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 and not self.takes_values:
            check_are_tensors(self, args)
        if is_symbolic(args, kwargs):
            return call_symbolically(self, args, kwargs)
        args = tuple([self._take(a) for a in args])
        if kwargs:
            kwargs = {k: self._take(v) for k, v in kwargs.items()}
        before = CALLS.enter(self, kwargs.get("training"))
        self._call_number = CALLS.number
        try:
            if not self.built:
                warn_if_lost(self)
                self._build_for(args, kwargs)
            if self.input_spec is not None:
                check_inputs(
                    self,
                    nest.flatten(args[0] if args else next(iter(kwargs.values()))),
                    self.input_spec,
                )
            set_training(self, args, kwargs)
            y = self.call(*args, **kwargs)
        finally:
            CALLS.leave(before)
        if self.activity_regularizer is not None:
            for out in nest.flatten(y):
                self.add_loss(self.activity_regularizer(out) * per_sample(out))
        return y

    def _take(self, x: Any) -> Any:
        """An input as Tensors; floats (with takes_floats: all numbers) in the layer's dtype."""
        if isinstance(x, Tensor):
            dtype = x.array.dtype
            is_cast = self.autocast and (self.takes_floats or dtype.kind == "f")
            return ops.cast(x, dtype=self._dtype.name) if is_cast and dtype != self._dtype else x
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fiub":
            return self._take(Tensor(np.asarray(x)))
        if isinstance(x, (list, tuple, dict)) and has_arrays(x):
            return nest.map_structure(self._take, x)
        return x

    def _build_for(self, args: tuple, kwargs: dict) -> None:
        """Build from the shapes of a call's inputs; `build` may take one shape or x_shape for an
        argument x.
        """
        names = list(inspect.signature(type(self).build).parameters)[1:]
        if len(names) <= 1 or not all(n.endswith("_shape") for n in names):
            self.build(shapes_of(args[0] if args else next(iter(kwargs.values()))))
            return
        given = inspect.signature(self.call).bind(*args, **kwargs).arguments
        self.build(**{n: shapes_of(given[n[:-6]]) for n in names if given.get(n[:-6]) is not None})

    @property
    def path(self) -> str:
        """The names of the layers around it and its own, as of its building: "sequential/dense"."""
        return self.__dict__.get("_path") or self.name

    @property
    def compute_dtype(self) -> str:
        """The dtype in which inputs arrive in `call`."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self.dtype_policy.variable_dtype

    dtype = variable_dtype

    # Losses.

    def add_loss(self, loss: Any) -> None:
        """Add a scalar tensor to what training minimises; from inside `call`, so that it belongs to
        that call.
        """
        number = CALLS.number if CALLS.layers else self._call_number
        self._losses[:] = [(n, x) for n, x in self._losses if n == number]
        self._losses += [(number, x) for x in nest.flatten(loss)]

    @property
    def losses(self) -> list[Tensor]:
        """Scalars that the last call added, here and below, then the weights' regularisers."""
        added = [
            x
            for layer in self._flatten_layers()
            for n, x in layer._losses
            if n == self._call_number
        ]
        return added + [
            v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None
        ]

    # Configuration.

    def get_config(self) -> dict:
        """The constructor's arguments, after name, trainable and dtype."""
        own = super().get_config()
        for name in (
            "activity_regularizer",
            "autocast",
            "input_shape",
            "input_dim",
            "name",
            "trainable",
            "dtype",
        ):
            value = own.pop(name, None)
            if name == "activity_regularizer" and value is not None:
                own[name] = value
        policy = configurable.serialize_object(self.dtype_policy)
        return {"name": self.name, "trainable": self.trainable, "dtype": policy} | own

    def get_build_config(self) -> dict | None:
        """The shapes the layer was built with; several as one dict, as Keras writes them."""
        shapes = self.__dict__.get("_build_config")
        return {"shapes_dict": shapes} if shapes and len(shapes) > 1 else shapes

    def build_from_config(self, config: dict) -> None:
        """Build with the shapes of get_build_config."""
        given = config.get("shapes_dict", config)
        shapes = {k: to_shape(v) for k, v in given.items() if v is not None}
        if not self.built and shapes:
            self.build(*shapes.values()) if len(shapes) == 1 else self.build(**shapes)


def building(build: Callable) -> Callable:
    """`build` inside the layer's scope; afterwards the layer is built and remembers its path and
    shapes.
    """

    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        if self.__dict__.get("_is_building"):  # super().build(...)
            return build(self, *args, **kwargs)
        before = CALLS.enter(self)
        self._is_building = True
        try:
            self._path = "/".join(CALLS.path())
            build(self, *args, **kwargs)
        finally:
            self._is_building = False
            CALLS.leave(before)
        if not self.is_shapeless:
            names = list(inspect.signature(build).parameters)[1:]
            self._build_config = dict(zip(names, args)) | kwargs
        self.built = True
        if not self._trainable:
            self.trainable = False
        return None

    return wrapped


Layer.build = building(Layer.build)  # type: ignore[method-assign]


def per_sample(out: Tensor) -> float:
    """1 / rows"""
    return 1.0 / max(out.array.shape[0] if out.ndim else 1, 1)


def warn_if_lost(layer: Layer) -> None:
    """Say it if a layer that is called for the first time belongs to none of those around it."""
    around = CALLS.layers[:-1]
    if around and not any(layer is part for part in around[0]._flatten_layers()):
        LOG.warning(
            "layer '%s' is called in '%s' but is not among the attributes there: its weights are "
            "not trained. Make it in __init__ or build, as self.%s = ...",
            layer.name,
            around[-1].name,
            layer.name,
        )


def check_are_tensors(layer: Layer, args: tuple) -> None:
    """Raise if anything but tensors is given by position behind the first argument, as Keras."""
    for i, arg in enumerate(args[1:], start=1):
        for x in nest.flatten(arg):
            if x is not None and not isinstance(x, (Tensor, KerasTensor, np.ndarray, np.generic)):
                names = list(inspect.signature(layer.call).parameters)
                hint = f", as {names[i]}={x!r}" if i < len(names) else ""
                raise ValueError(
                    f"layer '{layer.name}' ({type(layer).__name__}): only tensors may be given by "
                    f"position, {x!r} is a {type(x).__name__}; give it by its name{hint}"
                )


def set_training(layer: Layer, args: tuple, kwargs: dict[str, Any]) -> None:
    """Put `training` into the arguments of `call` if it takes it: what was given, else the mode of
    the layer around it, else the default of `call`, which then holds for the layers inside, too.
    """
    place, default = training_argument(type(layer))
    if place is None:
        kwargs.pop("training", None)
        return
    if place < len(args):  # None: check_are_tensors lets nothing else through
        return
    if CALLS.training is None and "training" not in kwargs:
        CALLS.training = default
    if kwargs.get("training") is None and CALLS.training is not None:
        kwargs["training"] = CALLS.training


@functools.cache
def training_argument(layer: type) -> tuple[float | None, Any]:
    """(place, default) of the argument `training` of a layer's `call`; place None: there is none,
    infinite: it has no place, only a name.
    """
    parameters = inspect.signature(layer.call).parameters  # type: ignore[attr-defined]
    if "training" not in parameters:
        return None, None
    given = parameters["training"]
    default = None if given.default is given.empty else given.default
    is_placed = given.kind is not given.KEYWORD_ONLY
    return list(parameters).index("training") - 1 if is_placed else math.inf, default
