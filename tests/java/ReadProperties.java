import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Properties;
import java.util.TreeSet;

/** Reads each file named by an argument with java.util.Properties, and writes its keys and values in hexadecimal. */
public final class ReadProperties {
    public static void main(String[] files) throws Exception {
        for (String file : files) {
            Properties properties = new Properties();
            System.out.println("file " + Path.of(file).getFileName());
            try (var reader = Files.newBufferedReader(Path.of(file), StandardCharsets.UTF_8)) {
                properties.load(reader);
            } catch (IllegalArgumentException e) {
                System.out.println("refused");
                continue;
            }
            for (String key : new TreeSet<>(properties.stringPropertyNames())) {
                System.out.println(hex(key) + "=" + hex(properties.getProperty(key)));
            }
        }
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
