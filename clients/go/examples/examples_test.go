// Package examples_test runs the examples against the fake.
package examples_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

const apiKey = "vk_example"

// begin starts the fake, and builds an example that speaks with it.
func begin(t *testing.T, example string, arguments ...string) (*valetkeytest.Server, *exec.Cmd) {
	t.Helper()
	server := valetkeytest.NewServer()
	t.Cleanup(server.Close)
	server.RequireAPIKey(apiKey)
	address, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), example)
	if output, err := exec.Command("go", "build", "-o", binary, "./"+example).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	command := exec.Command(binary, arguments...)
	command.Env = append(os.Environ(), "VALETKEY_ADDRESS="+address,
		"VALETKEY_API_KEY="+apiKey, "VALETKEY_APPLICATION=test")
	command.Stderr = os.Stderr
	return server, command
}

// start runs a command whose lines a test waits for, until the test ends; it
// must then end well.
func start(t *testing.T, command *exec.Cmd) (line func() string) {
	t.Helper()
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		if err := command.Wait(); err != nil {
			t.Errorf("%s: %v", command.Path, err)
		}
		limit.Stop()
	})
	lines := bufio.NewScanner(output)
	return func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("%s has ended: %v", command.Path, lines.Err())
		}
		return lines.Text()
	}
}

func expect(t *testing.T, found, wanted string) {
	t.Helper()
	if !strings.Contains(found, wanted) {
		t.Errorf("found %q, wanted %q in it", found, wanted)
	}
}

func TestGetToken(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.WriteString(w, "I got "+request.Header.Get("Authorization"))
	}))
	defer provider.Close()
	server, command := begin(t, "get_token", "c-7", provider.URL)
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1", ExpiresIn: time.Hour})
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, string(output), "generation 1, for 1h0m0s\n200 OK\nI got Bearer t-1")
}

func TestWatch(t *testing.T) {
	server, command := begin(t, "watch")
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	line := start(t, command)
	expect(t, line(), "is applications/test/connections/c-7 CONNECTION_STATE_ACTIVE 1")
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-2"})
	expect(t, line(), "event applications/test/connections/c-7 EVENT_TYPE_REFRESHED 2")
	server.Revoke("c-7")
	expect(t, line(), "event applications/test/connections/c-7 EVENT_TYPE_REVOKED 3")
}

func TestConnect(t *testing.T) {
	server, command := begin(t, "connect", "-listen", "127.0.0.1:0")
	address := strings.TrimPrefix(start(t, command)(), "open ")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	do := func(method, path string) (int, string, *url.URL) {
		t.Helper()
		request, err := http.NewRequest(method, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := browser.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		location, _ := response.Location()
		return response.StatusCode, string(body), location
	}
	_, body, _ := do("GET", "/")
	expect(t, body, "Connect")
	status, _, location := do("POST", "/connect")
	if status != http.StatusSeeOther {
		t.Fatalf("status %d", status)
	}
	// The provider's redirect comes to the page itself.
	state := location.Query().Get("state")
	_, body, _ = do("GET", "/done?state="+state+"&code=any")
	expect(t, body, "Connected: applications/test/connections/")
	_, name, _ := strings.Cut(strings.SplitN(body, "</p>", 2)[0], "Connected: ")
	_, body, _ = do("GET", "/done?state=another&code=any")
	expect(t, body, "not begun here")
	_, _, location = do("POST", "/connect")
	_, body, _ = do("GET", "/done?error=access_denied&state="+location.Query().Get("state"))
	expect(t, body, "You said no")
	// Or to ValetKey, which sends the person back.
	_, body, _ = do("GET", "/done?status=connected&connection="+url.QueryEscape(name))
	expect(t, body, "Connected: "+name)
	_, body, _ = do("GET", "/done?status=denied&error=CONSENT_DENIED")
	expect(t, body, "Not connected: CONSENT_DENIED")
	server.SetToken("c-7", valetkeytest.Token{AccessToken: "t-1"})
	_, body, _ = do("GET", "/done?status=connected&connection=c-7")
	expect(t, body, "somebody else")
}
