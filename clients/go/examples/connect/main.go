// Command connect is a web page that sends a person to consent, and is where
// they come back to.
//
//	export VALETKEY_ADDRESS=127.0.0.1:8800 VALETKEY_API_KEY=vk_... VALETKEY_APPLICATION=shop
//	go run ./examples/connect -listen 127.0.0.1:8080
//
// http://127.0.0.1:8080/done must be one of the application's return URIs, or
// the provider's redirect URI; /done understands both.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os"
	"os/signal"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "where the page is")
	provider := flag.String("provider", "pinterest", "whom to connect with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *provider); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, provider string) error {
	client, err := valetkey.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String()
	site := &site{client: client, provider: provider, doneURI: address + "/done"}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", site.home)
	routes.HandleFunc("POST /connect", site.connect)
	routes.HandleFunc("GET /done", site.done)
	server := &http.Server{Handler: routes}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println("open", address)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type site struct {
	client   *valetkey.Client
	provider string
	doneURI  string
}

// subject is the site's own id of whoever is signed in.
func (s *site) subject(*http.Request) string { return "ann" }

var page = template.Must(template.New("page").Parse(`<!doctype html>
<meta charset="utf-8"><title>Shop</title>
<p>{{.}}</p>
<form method="post" action="/connect"><button>Connect</button></form>
`))

func show(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Execute(w, text)
}

func (s *site) home(w http.ResponseWriter, _ *http.Request) {
	show(w, http.StatusOK, "Let the shop read your pins.")
}

// stateCookie ties the consent to the browser that began it.
const stateCookie = "state"

func (s *site) connect(w http.ResponseWriter, request *http.Request) {
	begun, err := s.client.Authorize(request.Context(), &valetkeyv1.AuthorizeRequest{
		Provider:  s.provider,
		Subject:   s.subject(request),
		ReturnUri: s.doneURI,
	})
	if err != nil {
		show(w, http.StatusBadGateway, err.Error())
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: stateCookie, Value: begun.GetState(), Path: "/done",
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, request, begun.GetAuthorizationUri(), http.StatusSeeOther)
}

func (s *site) done(w http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	if query.Get("status") != "" {
		s.returned(w, request)
		return
	}
	// The provider's redirect came here: the consent is for us to finish.
	cookie, err := request.Cookie(stateCookie)
	if err != nil || cookie.Value != query.Get("state") {
		show(w, http.StatusForbidden, "This consent was not begun here.")
		return
	}
	done, err := s.client.Exchange(request.Context(), &valetkeyv1.ExchangeRequest{
		State:            query.Get("state"),
		Code:             query.Get("code"),
		Issuer:           query.Get("iss"),
		Error:            query.Get("error"),
		ErrorDescription: query.Get("error_description"),
	})
	switch {
	case errors.Is(err, valetkey.ErrConsentDenied):
		show(w, http.StatusOK, "You said no.")
	case err != nil:
		show(w, http.StatusBadGateway, err.Error())
	default:
		show(w, http.StatusOK, "Connected: "+done.GetConnection())
	}
}

// returned is for who comes back from ValetKey's own callback, by return_uri.
func (s *site) returned(w http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	if query.Get("status") != "connected" {
		show(w, http.StatusOK, "Not connected: "+cmp.Or(query.Get("error"), query.Get("status")))
		return
	}
	// A query can be made up: what it says is looked up.
	connection, err := s.client.GetConnection(request.Context(), &valetkeyv1.GetConnectionRequest{
		Name: query.Get("connection"),
	})
	switch {
	case err != nil:
		show(w, http.StatusBadGateway, err.Error())
	case connection.GetSubject() != s.subject(request):
		show(w, http.StatusForbidden, "This connection is somebody else's.")
	default:
		show(w, http.StatusOK, "Connected: "+connection.GetName())
	}
}
