package valetkey

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clearEnvironment takes away what the machine's own may say.
func clearEnvironment(t *testing.T) {
	for _, name := range []string{
		"ADDRESS", "API_KEY", "API_KEY_FILE", "APPLICATION", "TLS_CA", "TLS_CERT", "TLS_KEY",
	} {
		t.Setenv("VALETKEY_"+name, "")
	}
}

func mustConfigure(t *testing.T, options ...Option) *config {
	t.Helper()
	c, err := newConfig(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	clearEnvironment(t)
	c := mustConfigure(t)
	if c.address.endpoint != "127.0.0.1:8800" || c.apiKey() != "" || c.application != "" ||
		c.tls != nil || c.timeout != 30*time.Second {
		t.Errorf("found %+v", c)
	}
}

func TestTheEnvironmentAndWhatWinsOverIt(t *testing.T) {
	clearEnvironment(t)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("vk_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VALETKEY_ADDRESS", "localhost:1")
	t.Setenv("VALETKEY_APPLICATION", "shop")
	t.Setenv("VALETKEY_API_KEY_FILE", file)
	c := mustConfigure(t)
	if c.address.endpoint != "localhost:1" || c.application != "applications/shop" || c.apiKey() != "vk_file" {
		t.Errorf("found %+v", c)
	}
	t.Setenv("VALETKEY_API_KEY", "vk_environment")
	if c := mustConfigure(t); c.apiKey() != "vk_environment" {
		t.Errorf("key %q", c.apiKey())
	}
	c = mustConfigure(t, WithAddress("[::1]:2"), WithApplication("applications/other"),
		WithAPIKey("vk_code"), WithTimeout(time.Minute))
	if c.address.endpoint != "[::1]:2" || c.application != "applications/other" ||
		c.apiKey() != "vk_code" || c.timeout != time.Minute {
		t.Errorf("found %+v", c)
	}
	if c := mustConfigure(t, WithAPIKey("")); c.apiKey() != "" {
		t.Errorf("key %q", c.apiKey())
	}
}

func TestAddresses(t *testing.T) {
	clearEnvironment(t)
	const system = "system"
	for _, test := range []struct {
		address, authorities string
		target               string
		tls                  bool
	}{
		{"127.0.0.1:8800", "", "dns:///127.0.0.1:8800", false},
		{"127.9.9.9:8800", "", "dns:///127.9.9.9:8800", false},
		{"LocalHost:8800", "", "dns:///LocalHost:8800", false},
		{"[::1]:8800", "", "dns:///[::1]:8800", false},
		{"[::ffff:127.0.0.1]:8800", "", "dns:///[::ffff:127.0.0.1]:8800", false},
		{"http://127.0.0.1:8800", "", "dns:///127.0.0.1:8800", false},
		{"http://127.0.0.1:8800/", system, "dns:///127.0.0.1:8800", false},
		{"https://broker.example:443", "", "dns:///broker.example:443", true},
		{"https://127.0.0.1:443/", "", "dns:///127.0.0.1:443", true},
		{"broker.example:8800", system, "dns:///broker.example:8800", true},
		{"unix:/run/valetkey.sock", "", "unix:///run/valetkey.sock", false},
		{"unix:///run/valetkey.sock", system, "unix:///run/valetkey.sock", false},
	} {
		c, err := newConfig([]Option{WithAddress(test.address), WithAuthorities(test.authorities)})
		if err != nil {
			t.Errorf("%s: %v", test.address, err)
			continue
		}
		if c.address.target() != test.target || (c.tls != nil) != test.tls {
			t.Errorf("%s: found %s, TLS %t", test.address, c.address.target(), c.tls != nil)
		}
	}
	for _, address := range []string{
		"127.0.0.1", ":8800", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:http",
		"unix:run/x", "unix:", "https://broker.example", "ftp://127.0.0.1:8800",
		"https://broker.example:443/path", "https://user@broker.example:443", "a b:1",
	} {
		var refused *ConfigError
		if _, err := newConfig([]Option{WithAddress(address)}); !errors.As(err, &refused) || refused.Option != "address" {
			t.Errorf("%q: error %v", address, err)
		}
	}
}

func TestPlainTextGoesNoFurtherThanThisMachine(t *testing.T) {
	clearEnvironment(t)
	for _, address := range []string{
		"broker.example:8800", "http://broker.example:8800", "10.0.0.1:8800", "[::2]:8800",
		"localhost.example:8800", "0.0.0.0:8800",
	} {
		_, err := newConfig([]Option{WithAddress(address)})
		if err == nil || !strings.Contains(err.Error(), "TLS") || !strings.Contains(err.Error(), "WithInsecurePlaintext") {
			t.Errorf("%s: error %v", address, err)
		}
		mustConfigure(t, WithAddress(address), WithInsecurePlaintext())
	}
}

func TestTLSFiles(t *testing.T) {
	clearEnvironment(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]Option{
		"authorities that are not there": {WithAuthorities("/nowhere.pem")},
		"authorities without any":        {WithAuthorities(empty)},
		"a certificate without its key":  {WithClientCertificate(empty, "")},
		"a certificate that is none":     {WithClientCertificate(empty, empty)},
	} {
		var refused *ConfigError
		if _, err := newConfig(options); !errors.As(err, &refused) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	t.Setenv("VALETKEY_API_KEY_FILE", "/nowhere")
	if _, err := newConfig(nil); err == nil {
		t.Error("a key file that is not there is taken")
	}
}

func TestAKeyThatCannotBeSentIsRefusedAndNotShown(t *testing.T) {
	clearEnvironment(t)
	_, err := newConfig([]Option{WithAPIKey("vk_canary\nx")})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v", err)
	}
}

func TestShortNames(t *testing.T) {
	for _, test := range []struct{ application, name, wanted string }{
		{"applications/shop", "c-7", "applications/shop/connections/c-7"},
		{"applications/shop", "other/c-7", "applications/other/connections/c-7"},
		{"", "other/c-7", "applications/other/connections/c-7"},
		{"", "applications/x/connections/c-7", "applications/x/connections/c-7"},
		{"", "applications/whatever", "applications/whatever"},
		{"applications/shop", "", ""},
	} {
		found, err := resource(test.application, "connections", test.name)
		if err != nil || found != test.wanted {
			t.Errorf("%q: found %q, %v", test.name, found, err)
		}
	}
	for _, test := range []struct{ application, name string }{
		{"", "c-7"}, {"applications/shop", "a/b/c"}, {"applications/shop", "a/"}, {"applications/shop", "/a"},
	} {
		var refused *ConfigError
		if found, err := resource(test.application, "connections", test.name); !errors.As(err, &refused) {
			t.Errorf("%q: found %q, %v", test.name, found, err)
		}
	}
	c := config{application: "applications/shop"}
	for name, wanted := range map[string]string{
		"": "applications/shop", "other": "applications/other", "applications/x": "applications/x",
	} {
		if found, err := c.parent(name); err != nil || found != wanted {
			t.Errorf("%q: found %q, %v", name, found, err)
		}
	}
	if _, err := (&config{}).parent(""); err == nil {
		t.Error("no application is taken for one")
	}
	if _, err := (&config{}).parent("a/b"); err == nil {
		t.Error("a/b is taken for an application")
	}
}
