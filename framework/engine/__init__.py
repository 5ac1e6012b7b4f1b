"""The engine: tensors, ops, the recorder, the tape and the compiler. Knows nothing of layers."""
