// Sends records with franz-go and prints one line, as every peer does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	address := flag.String("address", "", "of the broker")
	records := flag.Int("records", 1_000_000, "in all")
	size := flag.Int("size", 1000, "of a value, in bytes")
	threads := flag.Int("threads", 1, "goroutines that send")
	linger := flag.Int("linger-ms", 5, "")
	buffered := flag.Int("buffered", 0, "most records in memory; 0 is the client's default")
	flag.Parse()

	options := []kgo.Opt{
		kgo.SeedBrokers(*address),
		kgo.ProducerLinger(time.Duration(*linger) * time.Millisecond),
		// The others have no codec by default.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}
	if *buffered > 0 {
		options = append(options, kgo.MaxBufferedRecords(*buffered))
	}
	client, err := kgo.NewClient(options...)
	check(err)
	defer client.Close()
	ctx := context.Background()
	value := make([]byte, *size)
	for i := range value {
		value[i] = 'v'
	}
	// So that nobody waits for metadata, or an identity, within the time.
	check(client.ProduceSync(ctx, &kgo.Record{Topic: "load", Value: value}).FirstErr())

	var failed atomic.Int64
	var first atomic.Value
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Add(1)
			first.CompareAndSwap(nil, err.Error())
		}
	}
	each := *records / *threads
	before, start := cpu(), time.Now()
	var workers sync.WaitGroup
	for range *threads {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for range each {
				client.Produce(ctx, &kgo.Record{Topic: "load", Value: value}, promise)
			}
		}()
	}
	workers.Wait()
	check(client.Flush(ctx))
	wall, used := time.Since(start), cpu()-before
	if failed.Load() > 0 {
		check(fmt.Errorf("%d records failed, the first: %v", failed.Load(), first.Load()))
	}
	sent := float64(each * *threads)
	fmt.Printf("franz-go: %.0f records/s, %.3f µs of CPU a record\n",
		sent/wall.Seconds(), used.Seconds()*1e6/sent)
}

// What this process has used of the processors, user and system.
func cpu() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
