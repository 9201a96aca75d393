"""Counts the keys that move when a topic grows from n to n + 1 partitions, for n from 1 to 100.

Usage: ring_moves.py [DIGESTS [WORDS]] < keys.txt

Without arguments: the ring of the package hash_ring. With arguments: the same ring with DIGESTS digests per partition
instead of 40 and WORDS points per digest instead of 3. Prints a line for each n where more than 1 / (n + 1) + 2 % move.
"""

import bisect
import hashlib
import sys

import ring


def words(data):
    digest = hashlib.md5(data).digest()
    return [int.from_bytes(digest[at : at + 4], "little") for at in (0, 4, 8, 12)]


class Ring:
    def __init__(self, count, digests, words_per_digest):
        self.partitions = {
            point: partition
            for partition in range(count)
            for digest in range(digests)
            for point in words(b"%d-%d" % (partition, digest))[:words_per_digest]
        }
        self.points = sorted(self.partitions)

    def get_node(self, key):
        at = bisect.bisect_right(self.points, words(key)[0])
        return self.partitions[self.points[at % len(self.points)]]


def moves(keys, make_ring):
    """For each n: how many keys move, and how many of them move to a partition that is not the new one."""
    after = None
    for n in range(1, 102):
        before, after = after, list(map(make_ring(n).get_node, keys))
        if before:
            moved = [new for old, new in zip(before, after) if old != new]
            yield n - 1, len(moved), sum(new != n - 1 for new in moved)


def main():
    keys = [bytes.fromhex(line.strip()) for line in sys.stdin]
    sizes = [int(size) for size in sys.argv[1:]]
    digests, words_per_digest = (sizes + [3])[:2] if sizes else (40, 3)
    make_ring = (lambda n: Ring(n, digests, words_per_digest)) if sizes else ring.ring
    worst, astray = (-1.0, 0), 0
    for n, moved, elsewhere in moves(keys, make_ring):
        fraction, bound = moved / len(keys), 1 / (n + 1) + 0.02
        if fraction > bound:
            print(f"{n} -> {n + 1}: {fraction:.2%} of the keys move, the bound is {bound:.2%}")
        worst = max(worst, (fraction - 1 / (n + 1), n))
        astray += elsewhere
    print(f"{digests * words_per_digest} points per partition: at most {worst[0]:.2%} more than 1 / (n + 1), for n = {worst[1]}.")
    print(f"{astray} keys move to an old partition.")


main()
