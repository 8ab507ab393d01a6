package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	valetkey "github.com/valetkey/valetkey/clients/go"
)

// kinds in the order in which the suite names them.
var kinds = []struct {
	sentinel error
	name     string
}{
	{valetkey.ErrReauthorizationRequired, "ReauthorizationRequired"},
	{valetkey.ErrConnectionRevoked, "ConnectionRevoked"},
	{valetkey.ErrScopeNotGranted, "ScopeNotGranted"},
	{valetkey.ErrConsentDenied, "ConsentDenied"},
	{valetkey.ErrNotFound, "NotFound"},
	{valetkey.ErrInvalidArgument, "InvalidArgument"},
	{valetkey.ErrUnauthenticated, "Unauthenticated"},
	{valetkey.ErrPermissionDenied, "PermissionDenied"},
	{valetkey.ErrCursorExpired, "CursorExpired"},
	{valetkey.ErrUnavailable, "Unavailable"},
}

func errorOf(err error) result {
	told := result{
		"kind": "Error", "code": "", "reason": "", "metadata": map[string]string{},
		"retry_delay_ms": nil, "message": err.Error(),
	}
	for _, kind := range kinds {
		if errors.Is(err, kind.sentinel) {
			told["kind"] = kind.name
		}
	}
	var refused *valetkey.ConfigError
	var failed *valetkey.Error
	switch {
	case errors.Is(err, errDriver):
		told["kind"] = "Driver"
	case errors.As(err, &refused):
		told["kind"] = "Config"
	case errors.As(err, &failed):
		told["code"] = codeName(failed.Code)
		told["reason"] = failed.Reason
		told["message"] = failed.Message
		if failed.Metadata != nil {
			told["metadata"] = failed.Metadata
		}
		if failed.RetryDelay > 0 {
			told["retry_delay_ms"] = failed.RetryDelay.Milliseconds()
		}
	case errors.Is(err, context.Canceled):
		told["code"] = codeName(codes.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		told["code"] = codeName(codes.DeadlineExceeded)
	}
	var ended *valetkey.ReauthorizationRequiredError
	if errors.As(err, &ended) {
		told["connection"], told["provider"], told["subject"] = ended.Connection, ended.Provider, ended.Subject
	}
	var missing *valetkey.ScopeNotGrantedError
	if errors.As(err, &missing) {
		told["missing_scopes"] = list(missing.MissingScopes)
	}
	var invalid *valetkey.InvalidArgumentError
	if errors.As(err, &invalid) {
		told["field"] = invalid.Field
	}
	return told
}

// codeName is gRPC's, such as "NOT_FOUND".
func codeName(c codes.Code) string { return code.Code(c).String() }

func tokenOf(token *valetkey.Token) result {
	told := result{
		"access_token": token.AccessToken(),
		"token_type":   token.TokenType,
		"scopes":       list(token.Scopes),
		"generation":   token.Generation,
		"expire_in_ms": nil,
	}
	if !token.Expiry.IsZero() {
		told["expire_in_ms"] = time.Until(token.Expiry).Milliseconds()
	}
	return told
}

// list is never null in JSON.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}

// short is an enum's value without its prefix.
func short(prefix string, value fmt.Stringer) string {
	return strings.TrimPrefix(value.String(), prefix)
}
