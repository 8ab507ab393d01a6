package valetkey_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

// The examples are those of README.md; TestTheReadmeIsTrue compares.

// broker starts a fake that the environment leads to.
func broker() (*valetkeytest.Server, func()) {
	server := valetkeytest.NewServer()
	address, err := server.Listen()
	if err != nil {
		panic(err)
	}
	environment := map[string]string{"VALETKEY_ADDRESS": address, "VALETKEY_APPLICATION": "test"}
	for name, value := range environment {
		os.Setenv(name, value)
	}
	return server, func() {
		for name := range environment {
			os.Unsetenv(name)
		}
		server.Close()
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
	}
}

func Example() {
	server, end := broker()
	defer end()
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.Path, " with ", r.Header.Get("Authorization"))
	}))
	defer provider.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	api := provider.URL

	check(func() error {
		client, err := valetkey.NewClient()
		if err != nil {
			return err
		}
		defer client.Close()
		source, err := client.TokenSource("c-7") // a connection
		if err != nil {
			return err
		}
		pinterest := &http.Client{Transport: &valetkey.Transport{Source: source}}
		response, err := pinterest.Get(api + "/v5/user_account")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(os.Stdout, response.Body)
		return err
	}())
	// Output: /v5/user_account with Bearer t-1
}

func ExampleClient_Authorize() {
	server, end := broker()
	defer end()
	client, err := server.NewClient()
	check(err)
	defer client.Close()

	handler := func(w http.ResponseWriter, request *http.Request) error {
		ctx := request.Context()
		begun, err := client.Authorize(ctx, &valetkeyv1.AuthorizeRequest{
			Provider:  "pinterest",
			Subject:   "ann", // your own id of the person
			ReturnUri: "https://shop.example/done",
		})
		if err != nil {
			return err
		}
		http.Redirect(w, request, begun.GetAuthorizationUri(), http.StatusSeeOther)
		return nil
	}
	recorder := httptest.NewRecorder()
	check(handler(recorder, httptest.NewRequest("GET", "/connect", nil)))
	fmt.Println(recorder.Code)
	// Output: 303
}

func ExampleClient_AllConnections() {
	server, end := broker()
	defer end()
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	client, err := server.NewClient()
	check(err)
	defer client.Close()
	ctx := context.Background()

	check(func() error {
		for connection, err := range client.AllConnections(ctx, nil) {
			if err != nil {
				return err
			}
			fmt.Println(connection.GetName(), connection.GetState())
		}
		return nil
	}())
	// Output: applications/test/connections/c-7 CONNECTION_STATE_ACTIVE
}

func ExampleTokenSource_Token() {
	server, end := broker()
	defer end()
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Millisecond})
	server.RequireReauthorization("c-7")
	time.Sleep(time.Millisecond)
	client, err := server.NewClient()
	check(err)
	defer client.Close()
	source, err := client.TokenSource("c-7")
	check(err)
	ctx := context.Background()

	uri, err := func() (string, error) {
		token, err := source.Token(ctx)
		var ended *valetkey.ReauthorizationRequiredError
		var failed *valetkey.Error
		switch {
		case errors.As(err, &ended): // send the person to consent again
			begun, err := client.Authorize(ctx, ended.AuthorizeRequest())
			return begun.GetAuthorizationUri(), err
		case errors.Is(err, valetkey.ErrUnavailable) && errors.As(err, &failed):
			return "", fmt.Errorf("try again in %v: %w", failed.RetryDelay, err)
		case err != nil:
			return "", err
		}
		return token.String(), nil
	}()
	check(err)
	fmt.Println(strings.Cut(uri, "?"))
	// Output: https://provider.example/authorize scope=&state=state-3 true
}

func ExampleClient_WatchEvents() {
	server, end := broker()
	defer end()
	client, err := server.NewClient()
	check(err)
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	cursor := ""
	err = func() error {
		list, err := client.ListConnections(ctx, nil)
		if err != nil {
			return err
		}
		server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
		go expireCursors(ctx, server)
		request := &valetkeyv1.WatchEventsRequest{Cursor: list.GetCursor()}
		for message, err := range client.WatchEvents(ctx, request) {
			if err != nil {
				return err
			}
			if event := message.GetEvent(); event != nil {
				fmt.Println(event.GetConnection(), event.GetType())
			}
			cursor = message.GetCursor() // to resume from, another time
		}
		return nil
	}()
	fmt.Println(cursor != "", errors.Is(err, valetkey.ErrCursorExpired))
	// Output:
	// applications/test/connections/c-7 EVENT_TYPE_CONNECTED
	// true true
}

// expireCursors cuts the first stream, and keeps it from being resumed.
func expireCursors(ctx context.Context, server *valetkeytest.Server) {
	for server.Calls("WatchEvents") == 0 {
		time.Sleep(time.Millisecond)
	}
	server.Fail("WatchEvents", valetkeytest.Failure{Reason: valetkeyv1.ErrorReason_CURSOR_EXPIRED})
	for ctx.Err() == nil {
		server.Lag()
		time.Sleep(time.Millisecond)
	}
}

func ExampleOAuth2TokenSource() {
	server := valetkeytest.NewServer()
	defer server.Close()
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
	client, err := server.NewClient()
	check(err)
	defer client.Close()
	source, err := client.TokenSource("c-7")
	check(err)

	token, err := valetkey.OAuth2TokenSource(context.Background(), source).Token()
	check(err)
	fmt.Println(token.Type(), token.AccessToken)
	// Output: Bearer t-1
}
