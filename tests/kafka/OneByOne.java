import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A Java producer that a test drives, to be compared with.
 *
 * <p>Arguments: a port of the test on 127.0.0.1, then settings as {@code key=value}. It connects to
 * the port and says {@code ready}. Each line that comes is a topic: one record is sent there and its
 * answer waited for, then {@code ok} goes back, or what went wrong in one line. It ends with the
 * connection.
 */
public final class OneByOne {
    public static void main(String[] args) throws IOException, InterruptedException {
        Map<String, Object> config = new HashMap<>();
        config.put("enable.metrics.push", false);
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            config.put(pair[0], pair[1]);
        }
        byte[] value = "value".getBytes(StandardCharsets.US_ASCII);
        try (Socket test = new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0]));
                KafkaProducer<byte[], byte[]> producer =
                        new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            test.setTcpNoDelay(true);
            BufferedReader topics = new BufferedReader(
                    new InputStreamReader(test.getInputStream(), StandardCharsets.UTF_8));
            OutputStream answers = test.getOutputStream();
            answers.write("ready\n".getBytes(StandardCharsets.UTF_8));
            for (String topic = topics.readLine(); topic != null; topic = topics.readLine()) {
                String answer = "ok";
                try {
                    producer.send(new ProducerRecord<>(topic, value)).get();
                } catch (ExecutionException e) {
                    answer = String.valueOf(e.getCause()).replace('\n', ' ');
                } catch (RuntimeException e) {
                    answer = String.valueOf(e).replace('\n', ' ');
                }
                answers.write((answer + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
    }
}
