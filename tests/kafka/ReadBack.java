import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What the JVM sees in a topic, from the beginning to the end offsets of the moment it starts.
 *
 * <p>Arguments: bootstrap servers, topic, {@code records} or {@code summary}, isolation level, time limit
 * in milliseconds. The output is binary, integers are big-endian, and {@code bytes} is an i32 length
 * (-1 for null) and that many bytes:
 *
 * <pre>
 * records: { i32 partition, i64 offset, i8 timestamp type, BODY } ...  i32 -1, i64 number of records
 * summary: { i32 partition, i64 count, i64 first offset, i64 last offset, u32 CRC-32 } ...
 *          i32 -1, i64 number of partitions
 * BODY:    i64 timestamp, bytes key, bytes value, i32 headers, { bytes name, bytes value } ...
 * </pre>
 *
 * <p>The timestamp type is Java's id (0 create time, 1 log append time). The CRC-32 is that of
 * java.util.zip over the BODY of each record of the partition in the order of offsets, so neither
 * partition nor offsets go into it. Both offsets are -1 in an empty partition. The end marker tells
 * the reader that nothing was cut off.
 */
public final class ReadBack {
    private static final class Summary extends OutputStream {
        final CRC32 crc = new CRC32();
        long count = 0;
        long first = -1;
        long last = -1;

        @Override
        public void write(int b) {
            crc.update(b);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            crc.update(bytes, from, length);
        }
    }

    public static void main(String[] args) throws IOException {
        String topic = args[1];
        boolean summary = args[2].equals("summary");
        long end = System.nanoTime() + Long.parseLong(args[4]) * 1_000_000;

        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", args[0]);
        config.put("isolation.level", args[3]);
        config.put("allow.auto.create.topics", false);
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "none");
        config.put("max.poll.records", 20_000);
        config.put("max.partition.fetch.bytes", 8 << 20);
        // Closing waits for a fetch under way, and that one for records that do not come.
        config.put("fetch.max.wait.ms", 20);
        config.put("receive.buffer.bytes", 1 << 20);
        config.put("enable.metrics.push", false);

        // System.out encodes and flushes; the raw descriptor does neither.
        DataOutputStream out = new DataOutputStream(
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 18));
        long records = 0;
        Map<Integer, Summary> summaries = new TreeMap<>();
        Map<Integer, DataOutputStream> bodies = new HashMap<>();

        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (PartitionInfo info : consumer.partitionsFor(topic)) {
                TopicPartition partition = new TopicPartition(topic, info.partition());
                partitions.add(partition);
                Summary of = new Summary();
                summaries.put(info.partition(), of);
                bodies.put(info.partition(),
                        new DataOutputStream(new BufferedOutputStream(of, 1 << 16)));
            }
            if (partitions.isEmpty()) {
                throw new IllegalStateException("no such topic: " + topic);
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);

            List<TopicPartition> open = new ArrayList<>(partitions);
            while (true) {
                // Control records move the position but are never returned: ask for the position.
                for (TopicPartition partition : List.copyOf(open)) {
                    if (consumer.position(partition) >= ends.get(partition)) {
                        open.remove(partition);
                        consumer.pause(Collections.singleton(partition));
                    }
                }
                if (open.isEmpty()) {
                    break;
                }
                if (System.nanoTime() > end) {
                    throw new IllegalStateException("time limit reached; unfinished: " + open);
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    TopicPartition partition = new TopicPartition(topic, record.partition());
                    // Written after the end was asked for, so not in what the caller means by "now".
                    if (record.offset() >= ends.get(partition)) {
                        continue;
                    }
                    if (summary) {
                        Summary of = summaries.get(record.partition());
                        if (of.count == 0) {
                            of.first = record.offset();
                        }
                        if (record.offset() <= of.last) {
                            throw new IllegalStateException("offset went back: " + record.offset());
                        }
                        of.count++;
                        of.last = record.offset();
                        body(bodies.get(record.partition()), record);
                    } else {
                        records++;
                        out.writeInt(record.partition());
                        out.writeLong(record.offset());
                        out.writeByte(record.timestampType().id);
                        body(out, record);
                    }
                }
            }
        }

        if (summary) {
            for (Map.Entry<Integer, Summary> entry : summaries.entrySet()) {
                bodies.get(entry.getKey()).flush();
                Summary of = entry.getValue();
                out.writeInt(entry.getKey());
                out.writeLong(of.count);
                out.writeLong(of.first);
                out.writeLong(of.last);
                out.writeInt((int) of.crc.getValue());
            }
        }
        out.writeInt(-1);
        out.writeLong(summary ? summaries.size() : records);
        out.flush();
        // A thread that lingers in the client must not keep the JVM.
        Runtime.getRuntime().exit(0);
    }

    private static void body(DataOutputStream out, ConsumerRecord<byte[], byte[]> record)
            throws IOException {
        out.writeLong(record.timestamp());
        bytes(out, record.key());
        bytes(out, record.value());
        Header[] headers = record.headers().toArray();
        out.writeInt(headers.length);
        for (Header header : headers) {
            bytes(out, header.key().getBytes(StandardCharsets.UTF_8));
            bytes(out, header.value());
        }
    }

    private static void bytes(DataOutputStream out, byte[] bytes) throws IOException {
        if (bytes == null) {
            out.writeInt(-1);
        } else {
            out.writeInt(bytes.length);
            out.write(bytes);
        }
    }
}
