"""How compiled code may round: the flags of Numba's `njit` for everything that kernels are made of.

Note [Rounding]  A kernel computes what NumPy computes eagerly, but that x y + z may be rounded once
instead of twice (`contract`). No other liberty is taken: with `reassoc` the compiler turns
(x + inf) - inf into x and deletes what compensates rounding errors, `arcp` and `afn` replace
divisions and roots by estimates that are NaN at 0 and infinity, `nsz` loses -0.0. Only a sum has no
order that anybody could rely on, and it must be split into parallel chains to be fast: the words of
kernels/vectors.py that add up (total, dot ...) may be reordered, within themselves.

A flag belongs to the instructions of one function and stays with them when it is inlined.
"""

PIECE = 256  # columns whose sums are made together: they stay in the L1 cache
TALL = 1024  # rows that are summed before the sum is added to others: errors grow with its length

FAST = {
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": {"contract"},
    "forceinline": True,  # a call inside a loop keeps it from being vectorised
}
REORDERED = FAST | {"fastmath": {"contract", "reassoc"}}
# Numba optimises what a function calls once more with each caller: inlined before that, once.
INLINED = {key: value for key, value in FAST.items() if key != "forceinline"} | {"inline": "always"}
