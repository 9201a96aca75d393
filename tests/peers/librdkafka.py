"""librdkafka, through its Python binding; tests/support/chaos.rs has the contract."""

import functools
import threading

from confluent_kafka import KafkaException, Producer

from load import Load


def main():
    load = Load()
    settings = {
        "bootstrap.servers": load.servers,
        "delivery.timeout.ms": 120_000,
        "partitioner": "murmur2_random",
    }
    settings |= {"enable.idempotence": load.mode == "all"} | ({"acks": 1} if load.mode == "1" else {})
    producer = Producer(settings)
    over = threading.Event()

    def polling():
        while not over.is_set():
            producer.poll(0.1)

    poller = threading.Thread(target=polling)
    poller.start()

    def delivered(thread, key, number, error, message):
        if error is None:
            load.stored(thread, key, number, message.partition(), message.offset())
        else:
            load.failed(thread, key, number, KafkaException(error))

    def send(thread, key, number, key_bytes, value):
        told = functools.partial(delivered, thread, key, number)
        while True:
            try:
                return producer.produce(load.topic, value, key_bytes, on_delivery=told)
            except BufferError:
                over.wait(0.01)
            except KafkaException as error:
                return load.failed(thread, key, number, error)

    load.run(send)
    producer.flush(200)
    over.set()
    poller.join()
    load.end()


main()
