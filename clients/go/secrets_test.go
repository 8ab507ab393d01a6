//go:build go1.25

package valetkey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
	"github.com/valetkey/valetkey/clients/go/valetkeytest"
)

func TestSecretsAreNotWritten(t *testing.T) {
	bubble(t, func(s *stack) {
		const canary = "canary"
		s.server.RequireAPIKey("vk_" + canary)
		client := s.newClient(valetkey.WithAPIKey("vk_" + canary))
		client2 := s.newClient(valetkey.WithAPIKey("vk_wrong_" + canary))
		defer client.Close()
		defer client2.Close()
		s.server.SetToken("c-7", valetkeytest.Token{AccessToken: "t_" + canary, ExpiresIn: time.Hour})
		source, err := client.TokenSource("c-7")
		if err != nil {
			s.Fatal(err)
		}
		token := s.read(source)
		_, refused := client2.GetToken(s.Context(), getToken)
		held := struct {
			token  *valetkey.Token
			value  valetkey.Token
			client *valetkey.Client
			source *valetkey.TokenSource
		}{token, *token, client, source}
		option := valetkey.WithAPIKey("vk_" + canary)
		transport := &valetkey.Transport{Source: source}
		things := []any{
			token, *token, held, &held, []*valetkey.Token{token}, client, source, refused, option,
			transport, *transport, valetkey.OAuth2TokenSource(s.Context(), source), valetkey.PerRPCCredentials(source),
		}
		var written bytes.Buffer
		for _, thing := range things {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&written, verb+"\n", thing)
			}
			slog.New(slog.NewTextHandler(&written, nil)).Info("x", "thing", thing)
			slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "thing", thing)
			if text, err := json.Marshal(thing); err == nil {
				written.Write(text)
			}
		}
		for _, secret := range []string{canary, fmt.Sprintf("%x", canary)} {
			for line := range strings.Lines(written.String()) {
				if strings.Contains(line, secret) {
					s.Errorf("a secret is written: %.200s", line)
				}
			}
		}
		expect(s, "a token", fmt.Sprint(token), "valetkey.Token(generation 1, expires "+
			token.Expiry.UTC().Format(time.RFC3339)+")")
		expect(s, "a client", fmt.Sprint(client), "valetkey.Client(127.0.0.1:1)")
		expect(s, "a source", fmt.Sprint(source), "valetkey.TokenSource(applications/test/connections/c-7)")
	})
}
