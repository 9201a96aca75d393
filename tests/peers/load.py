"""The part of the load that both Python clients share; tests/support/chaos.rs has the contract."""

import struct
import sys
import threading
import time

THREADS = 4
KEYS = 64
ENTRY = struct.Struct(">HIiq")


class Load:
    """What was asked for, and the files for what became of it."""

    def __init__(self):
        self.servers, self.topic, secs, rate, self.directory, self.mode = sys.argv[1:]
        self.secs, self.rate = int(secs), int(rate) / THREADS
        self.files = [open(f"{self.directory}/thread-{n}", "wb", 1 << 18) for n in range(THREADS)]
        self.locks = [threading.Lock() for _ in range(THREADS)]
        self.sent = [0] * THREADS
        self.complaints = {}

    def stored(self, thread, key, number, partition, offset):
        with self.locks[thread]:
            self.files[thread].write(ENTRY.pack(key, number, partition, -1 if offset is None else offset))

    def failed(self, thread, key, number, why):
        text = f"{type(why).__name__}: {why}"[:300]
        self.complaints[text] = self.complaints.get(text, 0) + 1
        self.stored(thread, key, number, -1, -1)

    def run(self, send):
        """Calls send(thread, key, number, key's bytes, value) from four threads."""
        threads = [threading.Thread(target=self._send, args=(n, send)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, thread, send):
        keys = [b"%d-%d" % (thread, key) for key in range(KEYS)]
        filler = bytes(1000)
        start, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - start) < self.secs:
            due = int(elapsed * self.rate)
            while sent < due:
                # One that does not keep up still ends in time.
                if sent % 256 == 0 and time.monotonic() - start >= self.secs:
                    break
                key, number = sent % KEYS, sent // KEYS
                spread = (number * 7919 + (thread * KEYS + key) * 104729) % 901
                value = number.to_bytes(4, "big") + filler[: 96 + spread * spread // 900]
                send(thread, key, number, keys[key], value)
                sent += 1
                self.sent[thread] = sent
            time.sleep(0.005)

    def end(self):
        for lock, file in zip(self.locks, self.files):
            with lock:
                file.close()
        for text, count in sorted(self.complaints.items(), key=lambda of: -of[1])[:10]:
            print(count, text, file=sys.stderr)
        with open(f"{self.directory}/sent", "w") as file:
            file.write(str(sum(self.sent)))
