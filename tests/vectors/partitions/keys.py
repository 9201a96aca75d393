"""Writes 10,000 distinct keys to standard output: one key per line in lowercase hexadecimal.

All bytes that look random come from SHAKE-256, because Python's `random` may change between versions.
"""

import hashlib
import itertools
import uuid

KEYS = 10_000

WORDS = """account active address admin alert alpha amount archive audit basket beta billing book branch buyer cancel cargo
client cluster commit confirm contract country credit customer debit default delete deliver device discount driver email
error event export failure field finance folder game gamma grade group history house image import index invoice item
journal key language ledger level library limit location login market member message metric model month mobile name
network node note number offer order owner page parcel partner payment person phone planet player point price product
profile project public queue quote rating record refund region release report request review role route sale sample
schedule search season sensor server session shipment shop signal source stock store stream student supplier support
table target task teacher team tenant test ticket token topic trace transfer travel user vehicle vendor version video
visit warehouse weather week window worker year zone""".split()

FOREIGN = """Ärger Öl Übung Straße Müller Größe Jäger Zürich Malmö Århus smørrebrød façade garçon naïve Łódź Győr čeština
Київ Москва Αθήνα שלום سلام नमस्ते สวัสดี 東京 大阪 北京 上海 注文 顧客 订单 用户 서울 부산 주문 ひらがな カタカナ ｶﾀｶﾅ 𠮷野家
😀 🚀 👍🏽 👩‍👩‍👧 🇩🇪 ❤️ ½ € ∑ 𝔘 é ﬁ""".split()

# Keys that were computed from a hash: murmur2, CRC-32 and FNV-1a in this order.
# The hashes are 0, 1, 0x7fffffff, 0x80000000, 0x80000001 and 0xffffffff: the two ends of a signed and of an unsigned number.
BOUNDARIES = """e3871844 9d0ad96d cc2431c400 039d77d8 dc0ca8b6 fc18bb5f00 027d5343 2c70caa4 2c12ab2b04
a7d6506c 4e85ec36 f534177a01 3334f6a5 0f839ded eb1b334e01 a5d4305c ffffffff 3051f66300""".split()

# Keys that were searched for the hash ring of hash_ring.py. The hash of the first three is a point of the ring of
# 1000 partitions, and the hash of the last three is a point of the ring of 3 partitions. The fourth key belongs to a
# point that two of the 1000 partitions have.
RING = "tie-12582 tie-19477 tie-23044 tie-30702 tie-33120578 tie-62573850 tie-83739404".split()


def noise(label, length):
    return hashlib.shake_256(label.encode()).digest(length)


def candidates():
    yield b""
    yield from (bytes([byte]) for byte in range(256))
    yield from map(bytes.fromhex, BOUNDARIES)
    yield from (key.encode() for key in RING)
    for length in range(2, 6):
        yield from (noise(f"short {length} {i}", length) for i in range(300))

    yield from (word.encode() for word in WORDS)
    yield from (word.upper().encode() for word in WORDS[::4])
    pairs = itertools.islice(itertools.product(WORDS, WORDS), 0, None, 29)
    yield from (f"{a}{'.-_/: '[i % 6]}{b}".encode() for i, (a, b) in enumerate(itertools.islice(pairs, 800)))
    yield from (f"{WORDS[i % len(WORDS)]}-{i}".encode() for i in range(0, 40_000, 97))

    yield from (str(i).encode() for i in range(1000))
    yield from (str(sign * 10**i + d).encode() for i in range(3, 20) for d in (-1, 0, 1) for sign in (1, -1))
    yield from (str(int.from_bytes(noise(f"number {i}", 8), "big") >> i % 50).encode() for i in range(500))
    yield from (f"{i:08}".encode() for i in range(0, 100_000, 499))

    yield from (str(uuid.UUID(bytes=noise(f"uuid {i}", 16), version=4)).encode() for i in range(800))

    yield from (word.encode() for word in FOREIGN)
    yield from (f"{a} {b}".encode() for a, b in itertools.islice(itertools.product(FOREIGN, FOREIGN), 0, None, 5))
    yield from (f"{WORDS[i * 7 % len(WORDS)]}-{FOREIGN[i % len(FOREIGN)]}-{i}".encode() for i in range(300))

    # Not UTF-8: runs of one byte, UTF-8 that is cut off, surrogates, longer forms than needed, Latin-1 and UTF-16.
    yield from (bytes([byte]) * length for byte in (0x00, 0x7F, 0x80, 0xFF) for length in range(2, 34))
    yield from (word.encode()[:-1] for word in FOREIGN)
    yield from (word.encode()[1:] for word in FOREIGN)
    yield from (b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\x80", b"\xe0\x80\xaf", b"\xf8\x88\x80\x80\x80", b"\xfe\xff")
    yield from (word.encode("latin-1", "ignore") for word in FOREIGN)
    yield from (word.encode("utf-16-be") for word in FOREIGN)

    yield from (noise(f"long {length}", length) for length in (100, 127, 128, 129, 255, 256, 257, 511, 512, 999, 1000))
    yield from (noise(f"long {i}", 101 + 19 * i) for i in range(40))
    yield from ((" ".join(WORDS[i:]) * 2)[: 150 + 31 * i].encode() for i in range(12))

    # Every length from 1 to 40, until there are enough keys.
    yield from (noise(f"random {i}", i % 40 + 1) for i in itertools.count())


keys = {}
for key in candidates():
    keys[key] = None
    if len(keys) == KEYS:
        break
print(*(key.hex() for key in keys), sep="\n")
