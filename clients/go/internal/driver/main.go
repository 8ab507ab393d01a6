// Command driver does what the conformance suite tells it, line by line; see
// tests/conformance/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	d := &driver{
		out:     json.NewEncoder(out),
		clients: map[string]*valetkey.Client{},
		sources: map[string]*valetkey.TokenSource{},
		watches: map[string]*watch{},
		pending: map[string]context.CancelFunc{},
		ended:   map[string]*valetkey.ReauthorizationRequiredError{},
	}
	defer d.end()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		r := &request{}
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			return fmt.Errorf("a line that cannot be read: %w", err)
		}
		d.begin(r)
	}
	return lines.Err()
}

// request is a line of the input; which fields matter depends on the op.
type request struct {
	ID json.RawMessage `json:"id"`
	Op string          `json:"op"`

	Client  string  `json:"client"`
	Source  string  `json:"source"`
	Watch   string  `json:"watch"`
	Options options `json:"options"`

	Name               string            `json:"name"`
	Provider           string            `json:"provider"`
	Subject            string            `json:"subject"`
	Connection         string            `json:"connection"`
	Scopes             []string          `json:"scopes"`
	ReturnURI          string            `json:"return_uri"`
	Labels             map[string]string `json:"labels"`
	State              string            `json:"state"`
	Code               string            `json:"code"`
	Error              string            `json:"error"`
	RequiredScopes     []string          `json:"required_scopes"`
	MinLifetimeMS      int64             `json:"min_lifetime_ms"`
	MinGeneration      int64             `json:"min_generation"`
	RejectedGeneration int64             `json:"rejected_generation"`
	Generation         int64             `json:"generation"`
	PageSize           int32             `json:"page_size"`
	Count              *int              `json:"count"`
	Cursor             string            `json:"cursor"`
	Snapshot           bool              `json:"snapshot"`
	Checkpoints        *bool             `json:"checkpoints"`
	URL                string            `json:"url"`
	Method             string            `json:"method"`
	Body               string            `json:"body"`
	Repeatable         *bool             `json:"repeatable"`
	Request            json.RawMessage   `json:"request"`
	TimeoutMS          *int64            `json:"timeout_ms"`
}

type options struct {
	Address           *string `json:"address"`
	APIKey            *string `json:"api_key"`
	Application       *string `json:"application"`
	TLSCA             *string `json:"tls_ca"`
	TLSCert           *string `json:"tls_cert"`
	TLSKey            *string `json:"tls_key"`
	ServerName        *string `json:"server_name"`
	InsecurePlaintext bool    `json:"insecure_plaintext"`
	TimeoutMS         *int64  `json:"timeout_ms"`
}

type result map[string]any

type driver struct {
	running sync.WaitGroup

	mu      sync.Mutex
	out     *json.Encoder
	clients map[string]*valetkey.Client
	sources map[string]*valetkey.TokenSource
	watches map[string]*watch
	pending map[string]context.CancelFunc
	// ended are the errors that `reauthorize` refers to, by request.
	ended map[string]*valetkey.ReauthorizationRequiredError
}

// errDriver is the suite's own mistake.
var errDriver = errors.New("driver")

// begin carries a request out: at once if it only changes what is here, so that
// the next line finds it changed; otherwise beside the others.
func (d *driver) begin(r *request) {
	if op, ok := d.atOnce()[r.Op]; ok {
		found, err := op(r)
		d.answer(r, found, err)
		return
	}
	op, ok := d.waiting()[r.Op]
	if !ok {
		d.answer(r, nil, fmt.Errorf("%w: no op %q", errDriver, r.Op))
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancelTimeout := context.CancelFunc(func() {})
	if r.TimeoutMS != nil {
		ctx, cancelTimeout = context.WithTimeout(ctx, time.Duration(*r.TimeoutMS)*time.Millisecond)
	}
	d.mu.Lock()
	d.pending[string(r.ID)] = cancel
	d.mu.Unlock()
	d.running.Add(1)
	go func() {
		defer d.running.Done()
		defer cancel()
		defer cancelTimeout()
		found, err := op(ctx, r)
		d.mu.Lock()
		delete(d.pending, string(r.ID))
		d.mu.Unlock()
		d.answer(r, found, err)
	}()
}

func (d *driver) answer(r *request, found result, err error) {
	line := map[string]any{"id": r.ID, "result": found}
	if err != nil {
		line = map[string]any{"id": r.ID, "error": errorOf(err)}
		d.keep(r, err)
	} else if found == nil {
		line["result"] = result{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.out.Encode(line); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
	}
}

// keep holds on to an error that `reauthorize` may refer to.
func (d *driver) keep(r *request, err error) {
	var ended *valetkey.ReauthorizationRequiredError
	if errors.As(err, &ended) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended[string(r.ID)] = ended
	}
}

// end closes everything, and waits for what runs.
func (d *driver) end() {
	d.mu.Lock()
	clients, watches := d.clients, d.watches
	d.mu.Unlock()
	for _, w := range watches {
		w.close()
	}
	for _, client := range clients {
		_ = client.Close()
	}
	d.mu.Lock()
	for _, cancel := range d.pending {
		cancel()
	}
	d.mu.Unlock()
	d.running.Wait()
}

// find is what a request names.
func find[Thing any](d *driver, things map[string]Thing, what, name string) (Thing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	thing, ok := things[name]
	if !ok {
		return thing, fmt.Errorf("%w: no %s %q", errDriver, what, name)
	}
	return thing, nil
}

// put keeps a thing by the name that a request gives it.
func put[Thing any](d *driver, things map[string]Thing, name string, thing Thing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	things[name] = thing
}
