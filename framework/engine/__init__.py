"""The engine: tensors, ops, the recorder, the tape and the compiler. Knows nothing of layers."""

from framework.engine.heap import keep_freed_memory

keep_freed_memory()
