import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.StringJoiner;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** The partitioner of the Java client for records with a key. Usage: JavaMurmur2 COUNT... < keys.txt */
public final class JavaMurmur2 {
    public static void main(String[] counts) throws Exception {
        System.out.println(String.join(" ", counts));
        var keys = new BufferedReader(new InputStreamReader(System.in));
        for (String line = keys.readLine(); line != null; line = keys.readLine()) {
            byte[] key = HexFormat.of().parseHex(line);
            var partitions = new StringJoiner(" ");
            Arrays.stream(counts).mapToInt(Integer::parseInt)
                .forEach(count -> partitions.add("" + BuiltInPartitioner.partitionForKey(key, count)));
            System.out.println(partitions);
        }
    }
}
