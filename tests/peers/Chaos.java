import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Java's client; {@code tests/support/chaos.rs} has the contract. */
public final class Chaos {
    private static final int THREADS = 4;
    private static final int KEYS = 64;

    private static final Map<String, Integer> COMPLAINTS = new TreeMap<>();

    public static void main(String[] args) throws Exception {
        String topic = args[1];
        long nanos = Long.parseLong(args[2]) * 1_000_000_000L;
        double rate = Double.parseDouble(args[3]) / THREADS;
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", args[0]);
        config.put("delivery.timeout.ms", 120_000);
        config.put("enable.metrics.push", false);
        config.put("enable.idempotence", args[5].equals("all"));
        config.put("acks", args[5].equals("1") ? "1" : "all");
        AtomicLong all = new AtomicLong();
        DataOutputStream[] files = new DataOutputStream[THREADS];
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            Thread[] threads = new Thread[THREADS];
            for (int i = 0; i < THREADS; i++) {
                int thread = i;
                files[i] = new DataOutputStream(new BufferedOutputStream(
                        new FileOutputStream(args[4] + "/thread-" + i), 1 << 18));
                threads[i] = new Thread(() ->
                        all.addAndGet(send(producer, topic, thread, nanos, rate, files[thread])));
                threads[i].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            producer.flush();
        }
        for (DataOutputStream file : files) {
            file.close();
        }
        COMPLAINTS.forEach((text, count) -> System.err.println(count + " " + text));
        Files.writeString(Path.of(args[4], "sent"), all.toString());
    }

    private static long send(KafkaProducer<byte[], byte[]> producer, String topic, int thread, long nanos,
            double rate, DataOutputStream file) {
        long start = System.nanoTime();
        long sent = 0;
        while (true) {
            long elapsed = System.nanoTime() - start;
            if (elapsed >= nanos) {
                return sent;
            }
            long due = (long) (elapsed / 1e9 * rate);
            // One that does not keep up still ends in time.
            for (; sent < due && System.nanoTime() - start < nanos; sent++) {
                int key = (int) (sent % KEYS);
                int number = (int) (sent / KEYS);
                long spread = (number * 7919L + (thread * KEYS + key) * 104_729L) % 901;
                byte[] value = new byte[(int) (100 + spread * spread / 900)];
                ByteBuffer.wrap(value).putInt(number);
                byte[] name = (thread + "-" + key).getBytes(StandardCharsets.US_ASCII);
                try {
                    producer.send(new ProducerRecord<>(topic, name, value), (metadata, error) -> {
                        if (error == null) {
                            write(file, key, number, metadata.partition(), metadata.offset());
                        } else {
                            failed(file, key, number, error);
                        }
                    });
                } catch (RuntimeException error) {
                    failed(file, key, number, error);
                }
            }
            try {
                Thread.sleep(5);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static void failed(DataOutputStream file, int key, int number, Exception why) {
        String text = String.valueOf(why);
        synchronized (COMPLAINTS) {
            if (COMPLAINTS.size() < 10 || COMPLAINTS.containsKey(text)) {
                COMPLAINTS.merge(text, 1, Integer::sum);
            }
        }
        write(file, key, number, -1, -1);
    }

    private static void write(DataOutputStream file, int key, int number, int partition, long offset) {
        synchronized (file) {
            try {
                file.writeShort(key);
                file.writeInt(number);
                file.writeInt(partition);
                file.writeLong(offset);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
