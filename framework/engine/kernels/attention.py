"""Scaled dot-product attention and its gradient, one block of scores at a time.

Of the scores (queries x keys) only a block of ROWS x KEYS is ever stored, on the stack, so memory
grows with the length and not with its square (Dao et al. 2022, FlashAttention; Rabe and Staats
2021): the forward keeps the largest score and the sum of each row so far and corrects what it has
when a larger one comes; the gradient computes the probabilities again from the logarithm of that
sum. A block of keys that no row may see is passed over.

Dropout of the probabilities is a choice of functions (choices.py), and without it not compiled.

Arrays lie as (batch, length, heads, depth): a row of one head is followed by the next one
heads * depth numbers later, so no operand is ever transposed or copied.

Measured on Zen 4, one thread, float32, causal, milliseconds forward and backward, 16 x 4 heads of
128 rows, and 4 of 2048: blocks of 32 x 128 1.62 and 2.99, 18.2 and 34.0; 64 x 128 1.72 and 3.14,
17.4 and 31.4; 32 x 32 1.98 and 3.37, 22.2 and 35.1; 64 x 64 2.10 and 3.85, 19.9 and 35.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import carray, njit

from framework.engine.kernels.choices import PADDING
from framework.engine.kernels.flags import FAST, INLINED
from framework.engine.kernels.gemm import tiles
from framework.engine.kernels.panels import pack
from framework.engine.kernels.pointers import pointer_to, scratch_of
from framework.engine.kernels.shares import share
from framework.engine.kernels.tiles import COLUMNS, LANES, floats_at, shift, stack_of
from framework.engine.kernels.vectors import dot, largest, smallest, total

# KEYS is a multiple of the others: every row of a block sees its first key.
ROWS, SHORT, KEYS = 64, 32, 128  # SHORT: rows of a block where there are at most 512
DEPTH = 256  # numbers of a key or value that are taken together
MASKED = -0.7 * 3.38953e38  # the score of a key that is masked, as in Keras

# Called, not inlined: a matrix product is long, and these functions have several.
CALLED = {key: value for key, value in FAST.items() if key != "forceinline"}


panel_stack = stack_of((DEPTH + ROWS) * COLUMNS)


@njit(**CALLED)
def product_float32(x, row, inner, y, y_inner, column, out, out_stride, m, n, k, adds):
    """out[i out_stride + j] = sum over l < k of x[i row + l inner] y[l y_inner + j column], i < m,
    j < n; added to what is there if adds. x, y and out are addresses."""
    panel, left, right, place = panel_stack(), floats_at(x), floats_at(y), floats_at(out)
    aside = shift(panel, DEPTH * COLUMNS)
    for start in range(0, k, DEPTH):
        deep, adds = min(DEPTH, k - start), adds or start
        part_of_x, rest = shift(left, start * inner), shift(right, start * y_inner)
        for j in range(0, n, COLUMNS):
            wide = min(COLUMNS, n - j)
            part, stride = shift(rest, j * column), y_inner
            if column != 1 or wide < COLUMNS:
                pack(part, column, y_inner, panel, 0, deep, wide)
                part, stride = panel, COLUMNS
            tiles(part_of_x, row, inner, part, stride, aside, shift(place, j), out_stride, m, deep,
                  adds, wide)  # fmt: skip


@njit(**FAST)
def is_hidden(mask, at, step, query, key, reach):
    """Whether the query may not see the key: it lies more than reach = (behind, ahead) away, or
    mask[at + query step[0] + key step[1]] is False."""
    is_near = key - query <= reach[1] and query - key <= reach[0]
    return not is_near or not mask[at + query * step[0] + key * step[1]]


def vector_of(real: Any) -> Callable:
    """vector(address, count): an array."""
    pointer = pointer_to(real)

    @njit(**FAST)
    def vector(address, count):
        return carray(pointer(address), (count,))

    return vector


def rows_of(real: Any, exp: Callable) -> tuple:
    """What is done to a row of scores: (filled, exponents, judge, multiply)."""
    masked, zero = real(MASKED), real(0)

    @njit(**FAST)
    def filled(row, seen):
        """The row up to the end of the vector in which `seen` lies, filled with what is seen: what
        follows whole vectors would be computed number by number."""
        last = min((seen + LANES - 1) // LANES * LANES, row.size)
        for c in range(seen, last):
            row[c] = row[seen - 1]
        return row[:last]

    @njit(**FAST)
    def exponents(row, seen, top, factor):
        """row = exp(factor row - top), 0 from `seen` on."""
        part = filled(row, seen)
        for c in range(part.size):
            part[c] = exp(part[c] * factor - top)
        for c in range(seen, row.size):
            row[c] = zero

    @njit(**FAST)
    def multiply(row, factor):
        for c in range(row.size):
            row[c] *= factor

    @njit(**CALLED)
    def judge(row, scale, mask, at, step, query, first, reach):
        """row = scale row, MASKED where the query may not see keys first, first + 1 ..."""
        multiply(row, scale)
        hide(row, mask, at, step, query, first, reach, masked)

    return filled, exponents, judge, multiply


@njit(**FAST)
def is_window_of(reach, rows, keys):
    """Whether what a row may see is more than the keys before its own one, and not all."""
    return reach[0] < rows - 1 or 0 < reach[1] < keys - 1


@njit(**FAST)
def are_above(row, least):
    """Whether all elements are larger than `least`."""
    for c in range(row.size):
        if not row[c] > least:
            return False
    return True


@njit(**FAST)
def blocks_of(i, height, keys, reach, is_cut):
    """Which keys the rows i ... i + height need: [begin, end), begin a multiple of KEYS."""
    if not is_cut:
        return 0, keys
    return max(0, i - reach[0]) // KEYS * KEYS, min(keys, i + height + reach[1])


@njit(**CALLED)
def hide(row, mask, at, step, query, first, reach, value):
    """Put `value` where the query may not see keys first, first + 1 ..."""
    for c in range(row.size):
        if is_hidden(mask, at, step, query, first + c, reach):
            row[c] = value


def attend_of(real: Any, product: Callable, exp: Callable, log: Callable, drop: tuple) -> Callable:
    """The forward of one head."""
    choose, thin = drop
    size, vector = real.bitwidth // 8, vector_of(real)
    filled, exponents, judge, multiply = rows_of(real, exp)
    scores_at, column_at = scratch_of(ROWS * KEYS * size), scratch_of(ROWS * size)
    choices_at = scratch_of((KEYS + PADDING) * size)
    masked, zero, one = real(MASKED), real(0), real(1)

    @njit(**INLINED)
    def attend(
        out, lse, q, k, v, mask, at, step, reach, is_whole, is_cut, scale, rows, keys, shape, state,
        start,
    ):  # fmt: skip
        """All addresses are those of its first row; False: a row has no finite score.

        is_whole: what is hidden has the score MASKED. is_cut: blocks that no row may see are passed
        over."""
        q_stride, k_stride, v_stride, out_stride, depth, wide = shape
        scores, choices = scores_at(), choices_at()
        tops, sums = vector(column_at(), ROWS), vector(column_at(), ROWS)
        tall = SHORT if rows <= 512 else ROWS
        for i in range(0, rows, tall):
            height, place = min(tall, rows - i), out + i * out_stride * size
            begin, end = blocks_of(i, height, keys, reach, is_cut)
            for j in range(begin, end, KEYS):
                width = min(KEYS, end - j)
                product(
                    q + i * q_stride * size, q_stride, 1, k + j * k_stride * size, 1, k_stride,
                    scores, KEYS, height, width, depth, 0,
                )  # fmt: skip
                for r in range(height):
                    row, seen, factor = vector(scores + r * KEYS * size, width), width, scale
                    if is_whole:
                        factor = one
                        judge(row, scale, mask, at, step, i + r, j, reach)
                    else:
                        seen = min(width, i + r + 1 + reach[1] - j)
                    part, before = filled(row, seen), zero
                    top = factor * (largest(part) if factor >= zero else smallest(part))
                    if j > begin:
                        top = max(top, tops[r])
                        kept = exp(tops[r] - top)
                        before = kept * sums[r]
                        multiply(vector(place + r * out_stride * size, wide), kept)
                    elif top < masked and not is_whole:
                        return False
                    exponents(row, seen, top, factor)
                    tops[r], sums[r] = top, before + total(part)
                    place_of = start + (i + r) * keys + j
                    thin(row, choose(choices, state, place_of, seen))
                product(
                    scores, KEYS, 1, v + j * v_stride * size, v_stride, 1, place, out_stride,
                    height, wide, width, j - begin,
                )  # fmt: skip
            if is_whole and is_cut and not are_above(tops[:height], masked):
                return False
            for r in range(height):
                multiply(vector(place + r * out_stride * size, wide), one / sums[r])
                lse[i + r] = tops[r] + log(sums[r])
        return True

    return attend


def differ_of(real: Any, product: Callable, exp: Callable, drop: tuple) -> Callable:
    """The gradient of one head."""
    choose, thin = drop
    size, vector = real.bitwidth // 8, vector_of(real)
    _, exponents, _, _ = rows_of(real, exp)
    scores_at, slopes_at = scratch_of(ROWS * KEYS * size), scratch_of(ROWS * KEYS * size)
    column_at, zero = scratch_of(ROWS * size), real(0)
    choices_at = scratch_of((KEYS + PADDING) * size)
    share_of_hidden = share_of_hidden_of(real)

    @njit(**INLINED)
    def differ(dq, dk, dv, g, q, k, v, out, lse, mask, at, step, reach, is_whole, is_cut, scale,
               rows, keys, shape, state, start):  # fmt: skip
        """All addresses are those of its first row."""
        q_stride, k_stride, v_stride, out_stride, depth, wide = shape
        scores, slopes, choices = scores_at(), slopes_at(), choices_at()
        deltas, even = vector(column_at(), ROWS), vector(column_at(), ROWS)
        for j in range(keys):
            vector(dk + j * k_stride * size, depth)[:] = zero
            vector(dv + j * v_stride * size, wide)[:] = zero
        tall = SHORT if rows <= 512 else ROWS
        for i in range(0, rows, tall):
            height = min(tall, rows - i)
            q_i, g_i = q + i * q_stride * size, g + i * out_stride * size
            for r in range(height):
                line = (i + r) * out_stride * size
                deltas[r] = dot(vector(g + line, wide), vector(out + line, wide))
                even[r] = share_of_hidden(lse[i + r], mask, at, step, i + r, keys, reach)
            begin, end = blocks_of(i, height, keys, reach, is_cut)
            for j in range(begin, end, KEYS):
                width = min(KEYS, end - j)
                k_j, v_j = k + j * k_stride * size, v + j * v_stride * size
                product(
                    q_i, q_stride, 1, k_j, 1, k_stride, scores, KEYS, height, width, depth, 0
                )  # fmt: skip
                product(
                    g_i, out_stride, 1, v_j, 1, v_stride, slopes, KEYS, height, width, wide, 0
                )  # fmt: skip
                for r in range(height):
                    row = vector(scores + r * KEYS * size, width)
                    slope, delta = vector(slopes + r * KEYS * size, width), deltas[r]
                    seen = width if is_whole else min(width, i + r + 1 + reach[1] - j)
                    exponents(row, seen, lse[i + r], scale)
                    chosen = choose(choices, state, start + (i + r) * keys + j, seen)
                    thin(slope, chosen)
                    for c in range(width):  # 0 where the row is
                        slope[c] = row[c] * (slope[c] - delta) * scale
                    if is_whole:
                        hide(row, mask, at, step, i + r, j, reach, even[r])
                        hide(slope, mask, at, step, i + r, j, reach, zero)
                    thin(row, chosen)
                product(
                    scores, 1, KEYS, g_i, out_stride, 1, dv + j * v_stride * size, v_stride, width,
                    wide, height, 1,
                )  # fmt: skip
                product(
                    slopes, 1, KEYS, q_i, q_stride, 1, dk + j * k_stride * size, k_stride, width,
                    depth, height, 1,
                )  # fmt: skip
                product(
                    slopes, KEYS, 1, k_j, k_stride, 1, dq + i * q_stride * size, q_stride, height,
                    depth, width, j - begin,
                )  # fmt: skip

    return differ


def share_of_hidden_of(real: Any) -> Callable:
    """share_of_hidden(lse, ...): the probability of each key that the query may not see."""
    masked, zero, one = real(MASKED), real(0), real(1)

    @njit(**CALLED)
    def share_of_hidden(lse, mask, at, step, query, keys, reach):
        if lse != masked:
            return zero
        count = zero  # it sees none: all that are hidden weigh alike
        for c in range(keys):
            if is_hidden(mask, at, step, query, c, reach):
                count += one
        return one / count

    return share_of_hidden


def is_finite_of(real: Any) -> Callable:
    """is_finite(x, stride, count, wide): `count` rows hold no NaN and no infinity."""
    size, vector = real.bitwidth // 8, vector_of(real)
    line_at, zero = scratch_of(DEPTH * size), real(0)

    @njit(**CALLED)
    def is_finite(x, stride, count, wide):
        for start in range(0, wide, DEPTH):
            worst = vector(line_at(), min(DEPTH, wide - start))
            worst[:] = zero
            for i in range(count):
                row = vector(x + (i * stride + start) * size, worst.size)
                for c in range(row.size):
                    worst[c] += row[c] - row[c]
            if total(worst) != zero:
                return False
        return True

    return is_finite


def attention_of(real: Any, product: Callable, exp: Callable, log: Callable, drop: tuple) -> tuple:
    """(attention, attention_grad) for numbers of a Numba type; product is product_float32, or the
    same for that type; drop: what choices.py gives for it, with dropout or without."""
    size, is_finite = real.bitwidth // 8, is_finite_of(real)
    attend, differ = attend_of(real, product, exp, log, drop), differ_of(real, product, exp, drop)

    @njit(**INLINED)
    def attention(out, lse, q, k, v, mask, at, reach, scale, state, part, parts):
        """out (batch, rows, heads, wide), lse (batch, heads, rows): this thread's heads; state: of
        the choices, the global number of the first row behind it."""
        batch, rows, heads, depth = q.shape
        keys, wide = k.shape[1], v.shape[3]
        shape = heads * depth, heads * depth, heads * wide, heads * wide, depth, wide
        step, factor, is_masked = (at[2], at[3]), real(scale), not (mask.size == 1 and mask[0])
        is_window = is_window_of(reach, rows, keys)
        first, last = share(batch * heads, 1, part, parts)
        for pair in range(first, last):
            b, h = pair // heads, pair % heads
            place = out.ctypes.data + (b * rows * heads + h) * wide * size
            q_h = q.ctypes.data + (b * rows * heads + h) * depth * size
            k_h = k.ctypes.data + (b * keys * heads + h) * depth * size
            v_h = v.ctypes.data + (b * keys * heads + h) * wide * size
            start = b * at[0] + h * at[1]
            # what a hidden key has is multiplied by 0, as in Keras: NaN must not be passed over
            is_cut = not is_masked and is_finite(v_h, shape[2], keys, wide)
            is_whole = not is_cut or is_window
            is_cut = is_cut and (rows <= keys or not is_window)  # each query sees a key
            while not attend(
                place, lse[b, h], q_h, k_h, v_h, mask, start, step, reach, is_whole, is_cut, factor,
                rows, keys, shape, state, (state[-1] * heads + pair) * rows * keys,
            ):  # fmt: skip
                is_whole, is_cut = True, False

    @njit(**INLINED)
    def attention_grad(
        dq, dk, dv, g, q, k, v, mask, out, lse, at, reach, scale, state, part, parts
    ):  # fmt: skip
        """The gradients of `attention` in q, k, v; g is that of its result."""
        batch, rows, heads, depth = q.shape
        keys, wide = k.shape[1], v.shape[3]
        shape = heads * depth, heads * depth, heads * wide, heads * wide, depth, wide
        step, factor, is_masked = (at[2], at[3]), real(scale), not (mask.size == 1 and mask[0])
        is_window = is_window_of(reach, rows, keys)
        first, last = share(batch * heads, 1, part, parts)
        for pair in range(first, last):
            b, h = pair // heads, pair % heads
            of_q = (b * rows * heads + h) * depth * size
            of_k = (b * keys * heads + h) * depth * size
            of_v = (b * keys * heads + h) * wide * size
            of_out = (b * rows * heads + h) * wide * size
            q_h, k_h = q.ctypes.data + of_q, k.ctypes.data + of_k
            v_h, g_h = v.ctypes.data + of_v, g.ctypes.data + of_out
            is_open = not is_masked and is_finite(q_h, shape[0], rows, depth)
            is_open = is_open and is_finite(k_h, shape[1], keys, depth)
            is_open = is_open and is_finite(v_h, shape[2], keys, wide)
            is_open = is_open and is_finite(g_h, shape[3], rows, wide)
            is_sure = rows <= keys and are_above(lse[b, h], real(MASKED))
            differ(
                dq.ctypes.data + of_q, dk.ctypes.data + of_k, dv.ctypes.data + of_v, g_h, q_h, k_h,
                v_h, out.ctypes.data + of_out, lse[b, h], mask, b * at[0] + h * at[1], step,
                reach, not is_open or is_window, is_open and (is_sure or not is_window),
                factor, rows, keys, shape, state, (state[-1] * heads + pair) * rows * keys,
            )  # fmt: skip

    return attention, attention_grad
