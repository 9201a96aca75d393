import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Sends records with the Java client and prints one line, as every peer does. */
public final class Load {
  public static void main(String[] arguments) throws Exception {
    Map<String, String> given = new HashMap<>();
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      given.put(arguments[i], arguments[i + 1]);
    }
    long records = Long.parseLong(given.get("--records"));
    int threads = Integer.parseInt(given.get("--threads"));
    byte[] value = new byte[Integer.parseInt(given.get("--size"))];
    Arrays.fill(value, (byte) 'v');
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", given.get("--address"));
    settings.put("linger.ms", given.get("--linger-ms"));
    AtomicReference<Exception> failed = new AtomicReference<>();
    Callback callback =
        (metadata, failure) -> {
          if (failure != null) {
            failed.compareAndSet(null, failure);
          }
        };
    try (var producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      // So that nobody waits for metadata, or an identity, within the time.
      producer.send(new ProducerRecord<>("load", value)).get();
      long each = records / threads;
      long before = cpu();
      long start = System.nanoTime();
      Thread[] workers = new Thread[threads];
      for (int i = 0; i < threads; i++) {
        workers[i] =
            new Thread(
                () -> {
                  for (long sent = 0; sent < each; sent++) {
                    producer.send(new ProducerRecord<>("load", value), callback);
                  }
                });
        workers[i].start();
      }
      for (Thread worker : workers) {
        worker.join();
      }
      producer.flush();
      double seconds = (System.nanoTime() - start) / 1e9;
      double used = (cpu() - before) / 1e3;
      if (failed.get() != null) {
        throw failed.get();
      }
      double sent = each * threads;
      System.out.printf(
          "java: %.0f records/s, %.3f µs of CPU a record%n", sent / seconds, used / sent);
    }
  }

  /** What this process has used of the processors, in nanoseconds. */
  private static long cpu() {
    var system = ManagementFactory.getOperatingSystemMXBean();
    return ((com.sun.management.OperatingSystemMXBean) system).getProcessCpuTime();
  }
}
