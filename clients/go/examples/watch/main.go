// Command watch prints what happens to an application's connections, beginning
// with how they are, until it is interrupted:
//
//	export VALETKEY_ADDRESS=127.0.0.1:8800 VALETKEY_API_KEY=vk_... VALETKEY_APPLICATION=shop
//	go run ./examples/watch
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, err := valetkey.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	// A program that keeps message.GetCursor() can resume from it instead.
	request := &valetkeyv1.WatchEventsRequest{Snapshot: true}
	for message, err := range client.WatchEvents(ctx, request) {
		if err != nil {
			return err
		}
		if connection := message.GetConnection(); connection != nil {
			fmt.Println("is", connection.GetName(), connection.GetState(), connection.GetGeneration())
		}
		if event := message.GetEvent(); event != nil {
			fmt.Println("event", event.GetConnection(), event.GetType(), event.GetGeneration())
		}
	}
	return nil
}
