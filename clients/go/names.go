package valetkey

import (
	"strings"
)

const applicationPrefix = "applications/"

// applicationName is the whole name of an application; "" stays.
func applicationName(name string) (string, error) {
	if name == "" || strings.HasPrefix(name, applicationPrefix) {
		return name, nil
	}
	if strings.Contains(name, "/") {
		return "", configError("application", "%q is neither an id nor applications/{id}", name)
	}
	return applicationPrefix + name, nil
}

// parent is the whole name of the application that a request means: its own, or
// else the client's.
func (c *config) parent(name string) (string, error) {
	if name == "" {
		name = c.application
	}
	if name == "" {
		return "", configError("application", "none is given, and the client has none")
	}
	return applicationName(name)
}

// resource is the whole name of something in a collection such as
// "connections", in the given application unless it names another; "" stays.
func resource(application, collection, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, applicationPrefix) {
		return name, nil
	}
	id := name
	if other, rest, ok := strings.Cut(name, "/"); ok {
		application, id = applicationPrefix+other, rest
	}
	if id == "" || strings.Contains(id, "/") || application == applicationPrefix {
		return "", configError("name", "%q is no name of one of %s", name, collection)
	}
	if application == "" {
		return "", configError("name", "%q is short, and the client has no application", name)
	}
	return application + "/" + collection + "/" + id, nil
}

// applicationOf is the `applications/{a}` that a whole name begins with.
func applicationOf(name string) string {
	rest := strings.TrimPrefix(name, applicationPrefix)
	id, _, _ := strings.Cut(rest, "/")
	return applicationPrefix + id
}
