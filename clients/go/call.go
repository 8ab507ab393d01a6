package valetkey

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	firstWait = 100 * time.Millisecond
	longWait  = 5 * time.Second
)

// repetition says whether a call may be made again after a try of which nobody
// knows whether it was done.
type repetition bool

const (
	once       repetition = false
	repeatable repetition = true
)

// invoke makes a call with its deadline and its retries.
func invoke[Request, Response any](
	ctx context.Context,
	c *Client,
	method string,
	repetition repetition,
	call func(context.Context, Request, ...grpc.CallOption) (Response, error),
	request Request,
) (Response, error) {
	ctx, cancel := c.withDeadline(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	var none Response
	var unavailable *Error
	for attempt := 0; ; attempt++ {
		response, err := call(ctx, request)
		if err == nil {
			return response, nil
		}
		err = c.failure(method, err)
		e := baseOf(err)
		if e.Code == codes.DeadlineExceeded && unavailable != nil {
			return none, unavailable
		}
		if e.Code != codes.Unavailable || repetition == once {
			return none, err
		}
		wait := c.wait(e, attempt)
		unavailable = e.withRetryDelay(wait)
		if time.Now().Add(wait).After(deadline) {
			return none, unavailable
		}
		// A context that ends meanwhile fails the next try.
		sleep(ctx, wait)
	}
}

// withDeadline gives the context the default deadline if it has none, and ends
// it with the client.
func (c *Client) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	cancelTimeout := context.CancelFunc(func() {})
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancelTimeout = context.WithTimeout(ctx, c.config.timeout)
	}
	ctx, cancel := c.untilClosed(ctx)
	return ctx, func() { cancel(); cancelTimeout() }
}

// untilClosed ends the context with the client.
func (c *Client) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// failure is the error of a call of this client.
func (c *Client) failure(method string, err error) error {
	err = errorOf(method, err)
	if c.closing.Err() != nil && baseOf(err).Code == codes.Canceled {
		return closedError(method, "the client")
	}
	return err
}

// wait is the time until the next try, after one that failed with UNAVAILABLE;
// attempt counts them from 0.
func (c *Client) wait(e *Error, attempt int) time.Duration {
	if e.RetryDelay > 0 {
		return e.RetryDelay
	}
	return c.backoff(attempt)
}

func (c *Client) backoff(attempt int) time.Duration {
	wait := min(firstWait<<min(attempt, 10), longWait)
	return time.Duration(float64(wait) * (0.5 + c.random()))
}

// sleep waits, but not beyond the context's end.
func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
