// Command bench measures reads of a token from memory, and prints a line of
// JSON for each number of readers.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

const reads = 1_000_000

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	server := valetkeytest.NewServer()
	defer server.Close()
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
	client, err := server.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	source, err := client.TokenSource("c-7")
	if err != nil {
		return err
	}
	if _, err := source.Token(context.Background()); err != nil {
		return err
	}
	for _, readers := range []int{1, 2} {
		line := map[string]any{
			"name": "token_source_read", "language": "go", "readers": readers,
			"ns_per_read": measure(source, readers),
		}
		if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// measure is the time that one reader takes for a read, beside the others.
func measure(source *valetkey.TokenSource, readers int) float64 {
	var running sync.WaitGroup
	begun := time.Now()
	for range readers {
		running.Add(1)
		go func() {
			defer running.Done()
			for range reads {
				if _, err := source.Token(context.Background()); err != nil {
					panic(err)
				}
			}
		}()
	}
	running.Wait()
	return float64(time.Since(begun).Nanoseconds()) / reads
}
