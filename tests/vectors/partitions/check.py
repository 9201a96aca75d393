"""Compares the files with each other and with the hashes that they are said to hold. Usage: check.py DIRECTORY"""

import pathlib
import sys
import zlib

directory = pathlib.Path(sys.argv[1])


def read(name):
    lines = (directory / name).read_text().splitlines()
    return [line.split() for line in lines]


keys = [bytes.fromhex(key) for key in (directory / "keys.txt").read_text().split("\n")[:-1]]
files = {path.stem: read(path.name) for path in sorted(directory.glob("*-*.txt")) + [directory / "sha256.txt"]}
no_key = files.pop("librdkafka-no-key")
counts = [int(count) for count in files["java-murmur2"][0]]


def fnv1a(key):
    value = 0x811C9DC5
    for byte in key:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def signed(value):
    return value - (value >> 31 << 32)


def rows(partition):
    return [list(map(str, counts))] + [[str(partition(key, count)) for count in counts] for key in keys]


def differing(one, other):
    return sum(a != b for a, b in zip(files[one], files[other]))


assert len(keys) == len(set(keys)) == 10_000
for name, lines in files.items():
    assert lines[0] == list(map(str, counts)) and len(lines) == 1 + len(keys), name
    for line in lines[1:]:
        assert len(line) == len(counts), name
        assert all(item == "-" or 0 <= int(item) < count for item, count in zip(line, counts)), name

assert files["java-murmur2"] == files["kafka-python-murmur2"] == files["librdkafka-murmur2"]
assert files["librdkafka-consistent"] == rows(lambda key, count: zlib.crc32(key) % count)
# The remainder of the absolute value, and the absolute value of the remainder, are the same number.
assert files["librdkafka-fnv1a"] == files["sarama-hash"] == rows(lambda key, count: abs(signed(fnv1a(key))) % count)
assert files["sarama-reference"] == rows(lambda key, count: (fnv1a(key) & 0x7FFFFFFF) % count)
assert files["sarama-crc32"] == rows(lambda key, count: abs(signed(zlib.crc32(key))) % count)

print("The murmur2 of Java, kafka-python and librdkafka is the same for all keys.")
print("librdkafka's consistent is the unsigned CRC-32 modulo the count for all keys.")
print("librdkafka's fnv1a and Sarama's hash are the same for all keys.")
for one, other in (("sarama-hash", "sarama-reference"), ("librdkafka-consistent", "sarama-crc32")):
    print(f"{one} and {other} differ for {differing(one, other)} keys.")
print(f"hash-ring has no partition for {sum(line[0] == '-' for line in files['hash-ring'])} keys.")
