"""Which part of n things belongs to a rank."""


def part(n: int, rank: int, size: int) -> tuple[int, int]:
    """The half-open range (start, stop) of rank `rank` out of `size` in n things.

    Contiguous, in rank order, sizes differ by at most one, the lower ranks have the longer parts;
    a rank's part is empty (start == stop) when n < size leaves nothing for it.
    """
    if not 0 <= rank < size:
        raise ValueError(f"part: rank {rank} is not in a world of size {size}")
    if n < 0:
        raise ValueError(f"part: n is {n}, wanted 0 or more")
    length, longer = divmod(n, size)
    start = rank * length + min(rank, longer)
    return start, start + length + (rank < longer)
