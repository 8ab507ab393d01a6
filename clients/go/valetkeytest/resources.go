package valetkeytest

import (
	"maps"
	"slices"
	"strconv"

	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

const defaultPage = 100

// page is the part of a sorted list that a request asks for, and the token of
// the next.
func page[Item any](items []Item, size int32, token string) ([]Item, string, error) {
	begin := 0
	if token != "" {
		var err error
		if begin, err = strconv.Atoi(token); err != nil || begin < 0 || begin > len(items) {
			return nil, "", refuse(valetkeyv1.ErrorReason_CURSOR_INVALID, "field", "page_token")
		}
	}
	if size <= 0 {
		size = defaultPage
	}
	end := min(begin+int(size), len(items))
	next := ""
	if end < len(items) {
		next = strconv.Itoa(end)
	}
	return items[begin:end], next, nil
}

// sorted are the values of a map in the order of their names.
func sorted[Value any](m map[string]Value) []Value {
	var values []Value
	for _, name := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[name])
	}
	return values
}
