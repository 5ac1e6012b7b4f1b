"""The VM: a loop over argument blocks, in compiled code, and how threads share the work of a block.

Note [Sharing]  One thread, the driver, goes through the program. Where blocks are marked as shared
(compile/sharing.py) it calls its helpers, each of which runs the same blocks on its own part; the
rest of the time they spin, and yield the core if that lasts. A part that its helper has not begun
when the driver is done with its own is the driver's, too: on a busy machine nobody waits for a
thread that has no core. All threads compute parts of one whole batch: no gradient is summed between
them, and no part's result depends on where it was cut (Note [Shares] in entry.py).

Helpers spin on for a while when the program has ended: waking one takes longer than a small
program, which may come again at once. They touch its memory only between a call and the end of
their part, for which the driver waits: nobody waits for them to leave.

A team's words (int64): 0 the number of the last call, 1 and 2 the blocks from .. to that are meant,
3 the address of their code, 4 whether a program runs; then for part p, in a cache line of its own,
8 p: the last call in which it was done by its helper, 8 p + 1: the last call for which somebody has
taken it.
"""

from __future__ import annotations

from framework.engine.compile.entry import Entry

CODE, RUNS, LINE = 3, 4, 8


def run_blocks(code, pc, end, part, parts):
    """One thread's part of blocks that do not wait for each other."""
    while pc < end:
        block = after(code, pc)
        call(block[0], block, part, parts)
        pc += block[1]


def run_strips(a, part, parts):
    """A thread's share of strips: the block's words 3 to 5 are how many there are, in how many
    areas (one thread does all of an area), and the words of one strip, then come their blocks.
    Part `part` of 1 is all of the work, on that thread's memory."""
    count, areas, length = a[3], a[4], a[5]
    first, last = areas * part // parts, areas * (part + 1) // parts
    for i in range(count * first // areas, count * last // areas):
        run_blocks(a, 6 + i * length, 6 + (i + 1) * length, part, 1)


def together(code, pc, end, team, parts):
    """Blocks pc .. end by the driver, as part 0, and its helpers."""
    team[1], team[2] = pc, end
    number = team[0] + 1
    store_release(team, 0, number)
    run_blocks(code, pc, end, 0, parts)
    for part in range(1, parts):
        if take(team, part * 8 + 1, number - 1, number):
            run_blocks(code, pc, end, part, parts)
            continue
        rounds = 0
        while load_acquire(team, part * 8) != number:
            rounds += 1
            rest(rounds)


def serve(team, part, parts):
    """A helper: its part of every call that it comes in time for, until no program has run for as
    long as one spins. Once in a second of waiting it asks Python whether one does: a Ctrl-C may
    have come before word 4 was set to 0."""
    number = team[part * 8 + 1]
    rounds = 0
    while is_short(rounds) or (load_acquire(team, 4) != 0 and rounds < 1 << 20):
        if load_acquire(team, 0) == number:
            rounds += 1
            rest(rounds)
            continue
        number = load_acquire(team, 0)
        if take(team, part * 8 + 1, number - 1, number):
            run_blocks(pointer_int64(team[3]), team[1], team[2], part, parts)
            store_release(team, part * 8, number)
        rounds = 0


def dispatch(code, pc, end, control, team, parts):
    """The driver: runs blocks from `pc` on, control[0] times to the end.

    Returns -1 when done, -2 when a kernel asked to stop (control[1] == 2), -3 when the user did
    (control[5], a word of its own: at that moment a kernel may write the other),
    or the pc of a line that Python must run: it has no kernel, or the kernel met inputs that are
    an error (control[1] == 3), which the NumPy forward explains. The user stops a step only before
    the block control[6], the first that writes what outlives it; control[2]: the place.
    """
    while control[0] > 0:
        while pc < end:
            if control[5] != 0 and pc <= control[6]:
                control[2] = pc
                return -3
            block = after(code, pc)
            if block[0] == 0:
                return pc
            length = block[1]
            if block[2] == 0 or parts == 1:
                call(block[0], block, 0, 1)
            else:
                length = block[2]
                together(code, pc, pc + length, team, parts)
            if control[1] == 3:
                control[1] = 0
                return pc
            if control[1] == 2:
                control[2] = pc
                return -2
            pc += length
        pc = 0
        control[0] -= 1
        control[3] += 1
        if control[5] != 0:
            control[2] = 0
            return -3
    return -1


VM = Entry(
    "def entry(code, pc, end, control, team, parts):\n"
    "    return dispatch(code, pc, end, control, team, parts)",
    {"run_blocks": run_blocks, "together": together, "dispatch": dispatch},
    signature="vm",
    name="the VM",
)
HELPER = Entry(
    "def entry(team, part, parts):\n    serve(team, part, parts)",
    {"run_blocks": run_blocks, "serve": serve},
    signature="helper",
    name="the VM",
)
