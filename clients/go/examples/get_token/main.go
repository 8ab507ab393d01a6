// Command get_token gets a connection's token, says how long it lives, and
// sends a request with it if it is given a URL:
//
//	export VALETKEY_ADDRESS=127.0.0.1:8800 VALETKEY_API_KEY=vk_... VALETKEY_APPLICATION=shop
//	go run ./examples/get_token c-7 https://api.pinterest.com/v5/user_account
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: get_token connection [url]")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, connection string, urls []string) error {
	client, err := valetkey.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	source, err := client.TokenSource(connection)
	if err != nil {
		return err
	}

	token, err := source.Token(ctx)
	var unavailable *valetkey.Error
	switch {
	case errors.Is(err, valetkey.ErrReauthorizationRequired):
		return fmt.Errorf("send the person to consent again (see the example connect): %w", err)
	case errors.Is(err, valetkey.ErrUnavailable) && errors.As(err, &unavailable):
		return fmt.Errorf("try again in %v: %w", unavailable.RetryDelay, err)
	case err != nil:
		return err
	}
	if token.Expiry.IsZero() {
		fmt.Printf("generation %d, does not expire\n", token.Generation)
	} else {
		fmt.Printf("generation %d, for %v\n", token.Generation, time.Until(token.Expiry).Round(time.Second))
	}

	// From here on nobody handles tokens any more.
	pinterest := &http.Client{Transport: &valetkey.Transport{Source: source}}
	for _, url := range urls {
		if err := get(pinterest, url); err != nil {
			return err
		}
	}
	return nil
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
