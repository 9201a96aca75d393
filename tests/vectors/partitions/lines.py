"""What the Python programs here share."""

import sys


def print_partitions(counts, partition):
    """Prints the counts, then a line for each key of standard input: `partition(key, count)` for each count."""
    counts = [int(count) for count in counts]
    print(*counts)
    for line in sys.stdin:
        key = bytes.fromhex(line.strip())
        print(*(partition(key, count) for count in counts))
