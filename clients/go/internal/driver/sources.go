package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	valetkey "github.com/valetkey/valetkey/clients/go"
)

func (d *driver) source(r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	source, err := client.TokenSource(r.Name, valetkey.WithRequiredScopes(r.RequiredScopes...))
	if err != nil {
		return nil, err
	}
	put(d, d.sources, r.Source, source)
	return nil, nil
}

func (d *driver) invalidate(r *request) (result, error) {
	source, err := find(d, d.sources, "source", r.Source)
	if err != nil {
		return nil, err
	}
	source.Invalidate(r.Generation)
	return nil, nil
}

// closeSource leaves the source where it is: later ops find it closed.
func (d *driver) closeSource(r *request) (result, error) {
	source, err := find(d, d.sources, "source", r.Source)
	if err != nil {
		return nil, err
	}
	return nil, source.Close()
}

func count(r *request) int {
	if r.Count == nil {
		return 1
	}
	return *r.Count
}

func (d *driver) token(ctx context.Context, r *request) (result, error) {
	source, err := find(d, d.sources, "source", r.Source)
	if err != nil {
		return nil, err
	}
	var (
		readers  sync.WaitGroup
		mu       sync.Mutex
		one      any
		served   int
		failed   int
		distinct = map[string]bool{}
		errs     = map[string]result{}
	)
	for range count(r) {
		readers.Add(1)
		go func() {
			defer readers.Done()
			token, err := source.Token(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				told := errorOf(err)
				errs[told["kind"].(string)] = told
				d.keep(r, err)
				return
			}
			served++
			distinct[token.AccessToken()] = true
			one = tokenOf(token)
		}()
	}
	readers.Wait()
	told := []result{}
	for _, each := range errs {
		told = append(told, each)
	}
	return result{
		"served":   served,
		"failed":   failed,
		"distinct": len(distinct),
		"token":    one,
		"errors":   told,
	}, nil
}

func (d *driver) read(ctx context.Context, r *request) (result, error) {
	source, err := find(d, d.sources, "source", r.Source)
	if err != nil {
		return nil, err
	}
	var first, last int64
	failed, wentBack := 0, false
	begun := time.Now()
	for range count(r) {
		token, err := source.Token(ctx)
		if err != nil {
			failed++
			continue
		}
		if first == 0 {
			first = token.Generation
		}
		wentBack = wentBack || token.Generation < last
		last = token.Generation
	}
	return result{
		"failed":     failed,
		"went_back":  wentBack,
		"first":      first,
		"last":       last,
		"elapsed_ns": time.Since(begun).Nanoseconds(),
	}, nil
}

func (d *driver) request(ctx context.Context, r *request) (result, error) {
	source, err := find(d, d.sources, "source", r.Source)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.Body != "" {
		body = strings.NewReader(r.Body)
		if r.Repeatable != nil && !*r.Repeatable {
			body = io.NopCloser(body) // no GetBody can be made of it
		}
	}
	made, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return nil, err
	}
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: &valetkey.Transport{Source: source, Base: base}}
	response, err := client.Do(made)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return result{"status": response.StatusCode, "body": string(content)}, nil
}
