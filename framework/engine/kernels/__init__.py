"""Kernels too long to stand beside their op. Imported by the compiler's language alone: they need
Numba."""
