package valetkey_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every piece of code in the README is in an example, which is compiled and
// run.
func TestTheReadmeIsTrue(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	pieces := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(pieces) < 7 {
		t.Errorf("found %d pieces of code", len(pieces))
	}
	for _, piece := range pieces {
		if !strings.Contains(flat(string(examples)), flat(piece[1])) {
			t.Errorf("in no example:\n%s", piece[1])
		}
	}
	for _, name := range regexp.MustCompile(`VALETKEY_[A-Z_]+`).FindAllString(string(readme), -1) {
		config, err := os.ReadFile("config.go")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(config), `"`+name+`"`) {
			t.Errorf("%s is no environment variable of the library", name)
		}
	}
}

// flat is code without its indentation.
func flat(code string) string {
	return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(code, "")
}
