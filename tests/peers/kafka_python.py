"""kafka-python 3; tests/support/chaos.rs has the contract."""

import functools

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from load import Load


def main():
    load = Load()
    settings = {"enable_idempotence": load.mode == "all"} | ({"acks": 1} if load.mode == "1" else {})
    producer = KafkaProducer(
        bootstrap_servers=load.servers.split(","), delivery_timeout_ms=120_000, **settings
    )

    def stored(thread, key, number, metadata):
        load.stored(thread, key, number, metadata.partition, metadata.offset)

    def send(thread, key, number, key_bytes, value):
        try:
            future = producer.send(load.topic, key=key_bytes, value=value)
        except KafkaError as error:
            return load.failed(thread, key, number, error)
        future.add_callback(functools.partial(stored, thread, key, number))
        future.add_errback(functools.partial(load.failed, thread, key, number))

    load.run(send)
    try:
        producer.flush(timeout=200)
    except KafkaTimeoutError as error:
        print("flush:", error)
    producer.close(timeout=10)
    load.end()


main()
