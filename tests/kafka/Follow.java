import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic while it is written, from offset 0 until it is told that nothing more comes.
 *
 * <p>Arguments: a port of this machine to connect to, bootstrap servers, topic. What it reads goes to
 * the port, integers are big-endian; a byte from there tells that the topic is complete:
 *
 * <pre>
 * { i32 partition, i64 offset, i32 length of the key, key, i32 length of the value, its first four bytes } ...
 * i32 -1, i64 number of records
 * </pre>
 *
 * <p>A position that the broker does not have, below the start of the log or behind a truncation, ends
 * the program: no record is skipped.
 */
public final class Follow {
    public static void main(String[] args) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0]));
        DataOutputStream out =
                new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), 1 << 16));
        InputStream told = socket.getInputStream();
        String topic = args[2];

        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", args[1]);
        config.put("isolation.level", "read_uncommitted");
        config.put("allow.auto.create.topics", false);
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "none");
        config.put("max.poll.records", 20_000);
        config.put("max.partition.fetch.bytes", 2 << 20);
        config.put("receive.buffer.bytes", 1 << 20);
        config.put("enable.metrics.push", false);
        // A leader that is frozen answers nothing, and the next one is known from metadata only.
        config.put("request.timeout.ms", 10_000);
        config.put("metadata.max.age.ms", 3_000);

        long records = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (PartitionInfo info : consumer.partitionsFor(topic)) {
                partitions.add(new TopicPartition(topic, info.partition()));
            }
            if (partitions.isEmpty()) {
                throw new IllegalStateException("no such topic: " + topic);
            }
            consumer.assign(partitions);
            for (TopicPartition partition : partitions) {
                consumer.seek(partition, 0);
            }
            Map<TopicPartition, Long> ends = null;
            while (ends == null || !reached(consumer, ends)) {
                if (ends == null && told.available() > 0) {
                    ends = consumer.endOffsets(partitions);
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    records++;
                    out.writeInt(record.partition());
                    out.writeLong(record.offset());
                    out.writeInt(record.key().length);
                    out.write(record.key());
                    out.writeInt(record.value().length);
                    out.write(record.value(), 0, 4);
                }
                out.flush();
            }
        }
        out.writeInt(-1);
        out.writeLong(records);
        out.flush();
        // A thread that lingers in the client must not keep the JVM.
        Runtime.getRuntime().exit(0);
    }

    private static boolean reached(
            KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
        for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
            if (consumer.position(end.getKey()) < end.getValue()) {
                return false;
            }
        }
        return true;
    }
}
