// Package valetkey is the client of ValetKey, the OAuth token broker.
//
// A [Client] makes the calls of the contract, with deadlines, retries and
// typed errors. A [TokenSource] holds one connection's access token, in memory
// and always fresh; [Transport], [OAuth2TokenSource] and [PerRPCCredentials]
// put it where HTTP and gRPC clients look for one.
//
//	client, err := valetkey.NewClient(valetkey.WithApplication("shop"))
//	...
//	defer client.Close()
//	source, err := client.TokenSource("c-7")
//	...
//	pinterest := &http.Client{Transport: &valetkey.Transport{Source: source}}
//
// Requests and resources are the messages of the contract, package
// [github.com/valetkey/valetkey/clients/go/gen/valetkey/v1]. Where one of them
// names a connection, a provider or an application, the name may be short: see
// [WithApplication].
//
// Tests use package
// [github.com/valetkey/valetkey/clients/go/valetkeytest], a ValetKey in the
// process.
package valetkey

// Version is that of the library, and of the server it was released with.
const Version = "0.1.0"
