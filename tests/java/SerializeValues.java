import java.util.HexFormat;
import java.util.UUID;
import org.apache.kafka.common.serialization.BooleanSerializer;
import org.apache.kafka.common.serialization.DoubleSerializer;
import org.apache.kafka.common.serialization.FloatSerializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.ShortSerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.serialization.UUIDSerializer;

/**
 * Writes a line for each value: the type, the value, and the bytes of kafka-clients' serializer in hexadecimal. The value of
 * a float or a double is its bits, and the value of a string is its bytes in UTF-8, in hexadecimal.
 */
public final class SerializeValues {
    public static void main(String[] arguments) {
        for (short value : new short[] {0, 1, -1, 258, Short.MIN_VALUE, Short.MAX_VALUE}) {
            line("short", Short.toString(value), new ShortSerializer(), value);
        }
        for (int value : new int[] {0, 1, -1, 16_909_060, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            line("int", Integer.toString(value), new IntegerSerializer(), value);
        }
        for (long value : new long[] {0, 1, -1, 72_623_859_790_382_856L, Long.MIN_VALUE, Long.MAX_VALUE}) {
            line("long", Long.toString(value), new LongSerializer(), value);
        }
        for (int bits : new int[] {0, 0x8000_0000, 0x3f80_0000, 0x7f80_0000, 0xff80_0000, 1, 0x7fc0_0000, 0x7fc0_0123, 0xffc0_0000}) {
            line("float", hex(bits), new FloatSerializer(), Float.intBitsToFloat(bits));
        }
        for (long bits : new long[] {
            0, 0x8000_0000_0000_0000L, 0x3ff0_0000_0000_0000L, 0x7ff0_0000_0000_0000L, 0xfff0_0000_0000_0000L, 1,
            0x7ff8_0000_0000_0000L, 0x7ff8_0000_0000_0123L, 0xfff8_0000_0000_0000L,
        }) {
            line("double", hex(bits), new DoubleSerializer(), Double.longBitsToDouble(bits));
        }
        for (boolean value : new boolean[] {false, true}) {
            line("boolean", Boolean.toString(value), new BooleanSerializer(), value);
        }
        for (String value : new String[] {
            "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01890a5d-ac96-774b-bcce-b302099a8057",
        }) {
            line("uuid", value, new UUIDSerializer(), UUID.fromString(value));
        }
        for (String value : new String[] {"a", "\u00e4\u20ac\ud83d\ude00"}) {
            byte[] utf8 = value.getBytes(java.nio.charset.StandardCharsets.UTF_8);
            line("string", HexFormat.of().formatHex(utf8), new StringSerializer(), value);
        }
    }

    private static <T> void line(String type, String value, Serializer<T> serializer, T of) {
        System.out.println(type + " " + value + " " + HexFormat.of().formatHex(serializer.serialize("topic", of)));
    }

    private static String hex(long bits) {
        return Long.toHexString(bits);
    }

    private static String hex(int bits) {
        return Integer.toHexString(bits);
    }
}
