package valetkey

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// security is what an address says of TLS.
type security int

const (
	securityIfConfigured security = iota
	securityTLS
	securityNone
)

// address is where ValetKey is.
type address struct {
	endpoint string // `host:port`, or the path of a Unix socket
	host     string // empty for a Unix socket
	security security
}

func parseAddress(text string) (address, error) {
	if text == "" {
		text = defaultAddress
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if rest, ok := strings.CutPrefix(path, "//"); ok {
			path = rest
		}
		if !strings.HasPrefix(path, "/") {
			return address{}, configError("address", "%q is not unix:/path", text)
		}
		return address{endpoint: path, security: securityNone}, nil
	}
	a := address{endpoint: text}
	if rest, ok := strings.CutPrefix(text, "https://"); ok {
		a = address{endpoint: rest, security: securityTLS}
	} else if rest, ok := strings.CutPrefix(text, "http://"); ok {
		a = address{endpoint: rest, security: securityNone}
	}
	host, port, err := net.SplitHostPort(strings.TrimSuffix(a.endpoint, "/"))
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil ||
		number == 0 || host == "" || strings.ContainsAny(host, "/@?# ") {
		return address{}, configError("address",
			"%q is not host:port, https://host:port, http://host:port or unix:/path", text)
	}
	a.host = host
	a.endpoint = net.JoinHostPort(host, port)
	return a, nil
}

// target is the address as gRPC names it.
func (a address) target() string {
	if a.host == "" {
		return (&url.URL{Scheme: "unix", Path: a.endpoint}).String()
	}
	return "dns:///" + a.endpoint
}

// local tells whether nothing that is sent leaves this machine.
func (a address) local() bool {
	if a.host == "" || strings.EqualFold(a.host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.Unmap().IsLoopback()
}
