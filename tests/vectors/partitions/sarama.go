// A partitioner of Sarama.
// Usage: sarama {hash|reference|crc32|abs-first|consistent-crc|murmur2} COUNT... < keys.txt
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"

	"github.com/IBM/sarama"
)

var partitioners = map[string]sarama.PartitionerConstructor{
	"hash":           sarama.NewHashPartitioner,
	"reference":      sarama.NewReferenceHashPartitioner,
	"crc32":          sarama.NewCustomHashPartitioner(crc32.NewIEEE),
	"abs-first":      sarama.NewCustomPartitioner(sarama.WithAbsFirst()),
	"consistent-crc": sarama.NewConsistentCRCHashPartitioner,
	"murmur2":        sarama.NewMurmur2Partitioner,
}

func main() {
	partitioner := partitioners[os.Args[1]]("topic")
	counts := os.Args[2:]
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, strings.Join(counts, " "))
	keys := bufio.NewScanner(os.Stdin)
	for keys.Scan() {
		key := must(hex.DecodeString(keys.Text()))
		partitions := make([]string, len(counts))
		for i, count := range counts {
			message := &sarama.ProducerMessage{Topic: "topic", Key: sarama.ByteEncoder(key)}
			partition := must(partitioner.Partition(message, int32(must(strconv.Atoi(count)))))
			partitions[i] = strconv.Itoa(int(partition))
		}
		fmt.Fprintln(out, strings.Join(partitions, " "))
	}
	if err := keys.Err(); err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
