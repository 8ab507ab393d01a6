package valetkey

import (
	"google.golang.org/protobuf/proto"
)

// copyOf is a request that may be changed; of nil, an empty one.
func copyOf[T any, Message interface {
	*T
	proto.Message
}](request Message) Message {
	made := Message(new(T))
	if request != nil {
		proto.Merge(made, request)
	}
	return made
}

// expand writes the whole name of something in a collection into a request's
// field; see resource.
func expand(application, collection string, field *string) error {
	whole, err := resource(application, collection, *field)
	if err == nil {
		*field = whole
	}
	return err
}

func (c *Client) expandConnection(field *string) error {
	return expand(c.config.application, "connections", field)
}

func (c *Client) expandProvider(field *string) error {
	return expand(c.config.application, "providers", field)
}

// expandParent writes the whole name of the application that a request means.
func (c *Client) expandParent(field *string) error {
	whole, err := c.config.parent(*field)
	if err == nil {
		*field = whole
	}
	return err
}
