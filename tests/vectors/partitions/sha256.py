"""SHA-256 as a big-endian number, modulo the number of partitions. Usage: sha256.py COUNT... < keys.txt"""

import hashlib
import sys

from lines import print_partitions

print_partitions(sys.argv[1:], lambda key, count: int.from_bytes(hashlib.sha256(key).digest(), "big") % count)
