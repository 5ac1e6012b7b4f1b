"""torch.device: where a tensor is. Here that is always the CPU."""

from __future__ import annotations

from typing import Any


class device:
    """device("cpu"), device("cpu", 0) or device("cpu:0"); RuntimeError for any other device."""

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        name, _, number = str(type).partition(":")
        if name != "cpu" or not (number or "0").isdigit():
            raise RuntimeError(f"device {str(type)!r}: tensors here are on the CPU; wanted 'cpu'")
        self.type, self.index = name, int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __reduce__(self):
        return device, (self.type, self.index)


CPU = device("cpu")
