"""The ring of the package hash_ring. Usage: ring.py COUNT... < keys.txt

The package was written for Python 2. This file changes three of its expressions when it loads the package.
Prints `-` for a key that is not UTF-8.
"""

import functools
import importlib.util
import pathlib
import sys

from lines import print_partitions

# What Python 2 calls a string is bytes in Python 3, and the items of bytes are numbers.
CHANGES = [("xrange", "range"), ("'%s-%s'", "b'%d-%d'"), ("map(ord, m.digest())", "m.digest()")]


def load():
    package = pathlib.Path(importlib.util.find_spec("hash_ring").submodule_search_locations[0])
    source = (package / "hash_ring.py").read_text()
    for old, new in CHANGES:
        assert old in source, old
        source = source.replace(old, new)
    names = {"__name__": "hash_ring"}
    exec(compile(source, "hash_ring.py", "exec"), names)
    return names["HashRing"]


def partition(key, count):
    try:
        key.decode()
    except UnicodeDecodeError:
        return "-"
    return ring(count).get_node(key)


HashRing = load()
ring = functools.cache(lambda count: HashRing(range(count)))

if __name__ == "__main__":
    print_partitions(sys.argv[1:], partition)
