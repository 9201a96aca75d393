"""kafka-python's DefaultPartitioner. Usage: kafka_python.py COUNT... < keys.txt"""

import sys

from kafka.partitioner import DefaultPartitioner

from lines import print_partitions


class Cluster:
    """One topic, all of whose partitions have a leader."""

    def __init__(self, count):
        self.partitions = set(range(count))

    def topics(self):
        return {"topic"}

    def partitions_for_topic(self, topic):
        return self.partitions

    available_partitions_for_topic = partitions_for_topic


partitioner = DefaultPartitioner()
print_partitions(
    sys.argv[1:], lambda key, count: partitioner.partition("topic", key, key, b"value", b"value", Cluster(count))
)
