"""Convolutions of 3 x 3 windows next to each other with 4/9 of the products: Winograd's algorithm.

    out = A^T ((G filters G^T) * (B^T x B)) A,  a 2 x 2 tile of results from a 4 x 4 tile of x

where * multiplies element by element in space and sums over channels: at each of the 16 places it
is a matrix product (tiles, c) (c, o) for all tiles. Its adjoints give the gradients:

    grad filters = G^T (sum over tiles of (B^T x B) * (A g A^T)) G

and the gradient in x is the convolution of g with the filters turned by 180 degrees, channels
exchanged. A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks (2015), F(2x2, 3x3).
The matrices B and A hold 0, 1 and -1 alone: an element of B^T x B is a sum of 4 of x, so the
rounding errors are about twice those of the direct sum.

Tiles are transformed `count` at a time, so that what stands between the steps stays in the cache.
Each word does share `part` of `parts`: of the tiles, or of the filters' gradient, and writes to
disjoint places; no result depends on where the shares were cut.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from framework.engine.kernels.flags import FAST
from framework.engine.kernels.gemm import tiles
from framework.engine.kernels.panels import turn_block
from framework.engine.kernels.pointers import clear_elements, copy_elements, is_compact, start_of
from framework.engine.kernels.shares import share
from framework.engine.kernels.tiles import (
    COLUMNS,
    FLOATS,
    I64,
    INT64,
    LANES,
    ROWS,
    load,
    shift,
    stack_of,
    store,
)

B_T = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
G = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
A_T = ((1, 1, 1, 0), (0, 1, -1, -1))
OPTIONS = FAST | {"forceinline": False}
POINTS = 16  # places of a transformed tile


def transposed(matrix: tuple) -> tuple:
    """The matrix with rows and columns exchanged."""
    return tuple(zip(*matrix, strict=True))


def combined(b, factors: tuple, vectors: list):
    """The sum of factors times vectors, without what is multiplied by 0."""
    total = None
    for factor, vector in zip(factors, vectors, strict=True):
        if factor == 0:
            continue
        if abs(factor) != 1:
            vector = b.fmul(vector, ir.Constant(vector.type, [abs(factor)] * LANES))
        if total is None:
            total = vector if factor > 0 else b.fneg(vector)
        else:
            total = b.fadd(total, vector) if factor > 0 else b.fsub(total, vector)
    return total


def transform_of(matrix: tuple):
    """transform(x, row, column, out, out_row, out_column): out = matrix x matrix^T for LANES
    channels; element i, j of x stands at x + i row + j column.
    """
    size = len(matrix[0])

    def codegen(ctx, b, sig, args):
        x, row, column, out, out_row, out_column = args

        def place(pointer, i, down, j, across):
            return b.gep(pointer, [b.add(b.mul(down, I64(i)), b.mul(across, I64(j)))])

        found = [[load(b, place(x, i, row, j, column)) for j in range(size)] for i in range(size)]
        by_rows = [[combined(b, factors, c) for c in transposed(found)] for factors in matrix]
        for i, values in enumerate(by_rows):
            for j, factors in enumerate(matrix):
                store(b, combined(b, factors, values), place(out, i, out_row, j, out_column))
        return ctx.get_dummy_value()

    @intrinsic
    def transform(context, x, row, column, out, out_row, out_column):
        return types.void(FLOATS, INT64, INT64, FLOATS, INT64, INT64), codegen

    return transform


to_x_points, to_filter_points, from_points = map(transform_of, (B_T, G, A_T))
to_result_points, to_filters = transform_of(transposed(A_T)), transform_of(transposed(G))
tile_stack = stack_of(ROWS * COLUMNS)


@njit(**OPTIONS)
def place_of(tile, across):
    """The image of a tile, and where in its results the tile begins; `across`: how many rows and
    columns of tiles an image has."""
    down, wide = across
    image, number = tile // (down * wide), tile % (down * wide)
    return image, number // wide * 2, number % wide * 2


@njit(**OPTIONS)
def is_whole(i, j, size, h, w):
    """Whether a tile of size x size at i, j lies inside of h x w."""
    return i >= 0 and j >= 0 and i + size <= h and j + size <= w


@njit(**OPTIONS)
def read_edge(patch, x, i, j, size, h, w, c):
    """patch (size, size, c) = the tile at i, j of an image x (h, w, c), 0 outside of it."""
    is_compact()
    low, high = min(max(0, -j), size), max(min(size, w - j), 0)
    for a in range(size):
        row = shift(patch, a * size * c)
        if i + a < 0 or i + a >= h or low >= high:
            clear_elements(row, size * c)
            continue
        clear_elements(row, low * c)
        here = shift(x, ((i + a) * w + j + low) * c)
        copy_elements(shift(row, low * c), here, (high - low) * c)
        clear_elements(shift(row, high * c), (size - high) * c)


@njit(**OPTIONS)
def write_edge(out, patch, i, j, oh, ow, o):
    """What of a patch (2, 2, o) lies inside of an image out (oh, ow, o), to its place at i, j."""
    is_compact()
    for a in range(min(2, oh - i)):
        copy_elements(
            shift(out, ((i + a) * ow + j) * o), shift(patch, a * 2 * o), min(2, ow - j) * o
        )


@njit(**OPTIONS)
def x_points(points, step, x, first, count, shape, across, corner, low, high, patch):
    """points (16, count, c): tiles [first, first + count) of x of this shape (n, h, w, c), the
    first one of an image at -corner; channels [low, high).
    """
    is_compact()
    (_, h, w, c), (top, left) = shape, corner
    for t in range(count):
        image, i, j = place_of(first + t, across)
        i, j = i - top, j - left
        source, goal = shift(x, image * h * w * c), shift(points, t * c)
        if is_whole(i, j, 4, h, w):
            source, row = shift(source, (i * w + j) * c), w * c
        else:
            read_edge(patch, source, i, j, 4, h, w, c)
            source, row = patch, 4 * c
        for e in range(low, high, LANES):
            to_x_points(shift(source, e), row, c, shift(goal, e), 4 * step, step)


@njit(**OPTIONS)
def result_points(points, step, g, first, count, shape, across, low, high, patch):
    """points (16, count, o): tiles of a gradient g of this shape (n, oh, ow, o)."""
    is_compact()
    _, oh, ow, o = shape
    for t in range(count):
        image, i, j = place_of(first + t, across)
        source, goal = shift(g, image * oh * ow * o), shift(points, t * o)
        if is_whole(i, j, 2, oh, ow):
            source, row = shift(source, (i * ow + j) * o), ow * o
        else:
            read_edge(patch, source, i, j, 2, oh, ow, o)
            source, row = patch, 2 * o
        for e in range(low, high, LANES):
            to_result_points(shift(source, e), row, o, shift(goal, e), 4 * step, step)


@njit(**OPTIONS)
def results(out, points, step, first, count, shape, across, patch):
    """Tiles of out of this shape (n, oh, ow, o) from points (16, count, o)."""
    is_compact()
    _, oh, ow, o = shape
    for t in range(count):
        image, i, j = place_of(first + t, across)
        goal, source = shift(out, image * oh * ow * o), shift(points, t * o)
        is_inside = is_whole(i, j, 2, oh, ow)
        place, row = (shift(goal, (i * ow + j) * o), ow * o) if is_inside else (patch, 2 * o)
        for e in range(0, o, LANES):
            from_points(shift(source, e), 4 * step, step, shift(place, e), row, o)
        if not is_inside:
            write_edge(goal, patch, i, j, oh, ow, o)


@njit(**OPTIONS)
def filter_points(points, filters, c, o):
    """points (16, c, o) of filters (3, 3, c, o)."""
    is_compact()
    size = c * o
    for e in range(0, size, LANES):
        to_filter_points(shift(filters, e), 3 * size, size, shift(points, e), 4 * size, size)


@njit(**OPTIONS)
def turned(out, filters, c, o):
    """out (3, 3, o, c) = filters (3, 3, c, o) turned by 180 degrees, channels exchanged."""
    is_compact()
    for tap in range(9):
        source, goal = shift(filters, tap * c * o), shift(out, (8 - tap) * c * o)
        for i in range(0, c, LANES):
            for j in range(0, o, LANES):
                turn_block(shift(source, i * o + j), o, shift(goal, j * c + i), c)


@njit(**OPTIONS)
def products(out, x, row_stride, k_stride, y, m, k, n, pitch, adds):
    """out (m, n) (+)= x (m, k) y (k, n), rows of out and y `pitch` apart."""
    is_compact()
    aside = tile_stack()
    for j in range(0, n, COLUMNS):
        tiles(
            x, row_stride, k_stride, shift(y, j), pitch, aside, shift(out, j), pitch, m, k, adds,
            min(COLUMNS, n - j),
        )  # fmt: skip


@njit(**OPTIONS)
def write_filters(out, points, c, o, i, j):
    """out (3, 3, c, o) from points (16, c, o): up to ROWS channels from i on, COLUMNS from j on."""
    is_compact()
    for row in range(i, min(i + ROWS, c)):
        for column in range(j, min(j + COLUMNS, o), LANES):
            at = row * o + column
            to_filters(shift(points, at), 4 * c * o, c * o, shift(out, at), 3 * c * o, c * o)


@njit(**OPTIONS)
def winograd(
    part, parts, out, x, filters, weights, inputs, sums, patch, turned_filters, count, top, left,
    is_turned,
):  # fmt: skip
    """out (n, oh, ow, o) of x (n, h, w, c) and filters (3, 3, c, o); is_turned: of (3, 3, o, c)
    turned by 180 degrees. The first window begins at -top, -left.

    Scratch memory: weights, the points of the filters; inputs and sums, those of `count` tiles, a
    16th of it for each; patch, a tile; turned_filters.
    """
    is_compact()
    (n, oh, ow, o), c = out.shape, x.shape[3]
    across = (oh + 1) // 2, (ow + 1) // 2
    total, in_step, out_step = n * across[0] * across[1], inputs.size // POINTS, sums.size // POINTS
    first, last = share((total + count - 1) // count, 1, part, parts)
    if first == last:
        return
    of_filters, of_x, of_out = start_of(weights), start_of(inputs), start_of(sums)
    source, aside = start_of(filters), start_of(patch)
    if is_turned != 0:
        turned(start_of(turned_filters), source, o, c)
        source = start_of(turned_filters)
    filter_points(of_filters, source, c, o)
    for block in range(first, last):
        start = block * count
        many = min(count, total - start)
        x_points(
            of_x, in_step, start_of(x), start, many, x.shape, across, (top, left), 0, c, aside
        )  # fmt: skip
        for p in range(POINTS):
            products(
                shift(of_out, p * out_step), shift(of_x, p * in_step), c, 1,
                shift(of_filters, p * c * o), many, c, o, o, 0,
            )  # fmt: skip
        results(start_of(out), of_out, out_step, start, many, out.shape, across, aside)


@njit(**OPTIONS)
def winograd_grad_filters(
    part, parts, out, x, g, weights, inputs, sums, patch, count, top, left
):  # fmt: skip
    """out (3, 3, c, o) for x (n, h, w, c) and the gradient g (n, oh, ow, o); shares are blocks of
    ROWS channels of x and COLUMNS of g. Scratch memory as winograd's.
    """
    is_compact()
    (n, oh, ow, o), c = g.shape, x.shape[3]
    across = (oh + 1) // 2, (ow + 1) // 2
    total, in_step, out_step = n * across[0] * across[1], inputs.size // POINTS, sums.size // POINTS
    of_filters, of_x, of_g = start_of(weights), start_of(inputs), start_of(sums)
    aside = start_of(patch)
    wide = (o + COLUMNS - 1) // COLUMNS
    first, last = share((c + ROWS - 1) // ROWS * wide, 1, part, parts)
    if first == last:
        return
    low, high = first // wide * ROWS // LANES * LANES, min((last - 1) // wide * ROWS + ROWS, c)
    left_column, right_column = 0, o
    if first // wide == (last - 1) // wide:
        left_column, right_column = (
            first % wide * COLUMNS,
            min((last - 1) % wide * COLUMNS + COLUMNS, o),
        )
    for start in range(0, total, count):
        many = min(count, total - start)
        x_points(
            of_x, in_step, start_of(x), start, many, x.shape, across, (top, left), low, high,
            aside,
        )  # fmt: skip
        result_points(
            of_g, out_step, start_of(g), start, many, g.shape, across, left_column,
            right_column, aside,
        )  # fmt: skip
        for p in range(POINTS):
            for unit in range(first, last):
                i, j = unit // wide * ROWS, unit % wide * COLUMNS
                products(
                    shift(of_filters, (p * c + i) * o + j), shift(of_x, p * in_step + i), 1, c,
                    shift(of_g, p * out_step + j), min(ROWS, c - i), many,
                    min(COLUMNS, o - j), o, start,
                )  # fmt: skip
    for unit in range(first, last):
        write_filters(start_of(out), of_filters, c, o, unit // wide * ROWS, unit % wide * COLUMNS)
