"""A partitioner of the librdkafka that confluent-kafka contains.

Usage: librdkafka.py {consistent|murmur2|fnv1a} COUNT... < keys.txt
       librdkafka.py no-key
       librdkafka.py version
"""

import ctypes
import importlib.util
import pathlib
import sys

from lines import print_partitions

package = pathlib.Path(importlib.util.find_spec("confluent_kafka").submodule_search_locations[0])
library = ctypes.CDLL(str(next((package.parent / "confluent_kafka.libs").glob("librdkafka*"))))


def partitioner(name, topic=None):
    function = getattr(library, "rd_kafka_msg_partitioner_" + name)
    function.restype = ctypes.c_int32
    function.argtypes = [
        ctypes.c_void_p,  # topic
        ctypes.c_char_p,  # key
        ctypes.c_size_t,  # length of the key
        ctypes.c_int32,  # number of partitions
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return lambda key, count: function(topic, key, len(key or b""), count, None, None)


def topic():
    """A topic of a producer that is not connected. The random partitioners look for available partitions in it."""
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_topic_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_topic_new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    producer = library.rd_kafka_new(0, library.rd_kafka_conf_new(), ctypes.create_string_buffer(512), 512)
    return library.rd_kafka_topic_new(producer, b"topic", None)


def no_key():
    """Prints what each partitioner does for 7 partitions in 1,000 calls with the empty key and with the null key."""
    handle = topic()
    for name in ("consistent", "murmur2", "fnv1a"):
        for variant in (name, name + "_random"):
            choose = partitioner(variant, handle)
            for label, key in (("empty", b""), ("null", None)):
                chosen = {choose(key, 7) for _ in range(1000)}
                print(variant, label, *(chosen if len(chosen) == 1 else ["random" if len(chosen) == 7 else chosen]))


name, *counts = sys.argv[1:]
if name == "version":
    library.rd_kafka_version_str.restype = ctypes.c_char_p
    print(library.rd_kafka_version_str().decode())
elif name == "no-key":
    no_key()
else:
    print_partitions(counts, partitioner(name))
