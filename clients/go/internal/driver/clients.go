package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	valetkey "github.com/valetkey/valetkey/clients/go"
	valetkeyv1 "github.com/valetkey/valetkey/clients/go/gen/valetkey/v1"
)

// atOnce are the ops that wait for nobody.
func (d *driver) atOnce() map[string]func(*request) (result, error) {
	return map[string]func(*request) (result, error){
		"client":       d.client,
		"close_client": d.closeClient,
		"source":       d.source,
		"invalidate":   d.invalidate,
		"close_source": d.closeSource,
		"watch":        d.watch,
		"close_watch":  d.closeWatch,
		"cancel":       d.cancel,
	}
}

// waiting are the ops that may take their time.
func (d *driver) waiting() map[string]func(context.Context, *request) (result, error) {
	return map[string]func(context.Context, *request) (result, error){
		"authorize":        d.authorize,
		"reauthorize":      d.reauthorize,
		"exchange":         d.exchange,
		"get_token":        d.getToken,
		"refresh":          d.refresh,
		"revoke":           d.revoke,
		"get_connection":   d.getConnection,
		"list_connections": d.listConnections,
		"token":            d.token,
		"read":             d.read,
		"next":             d.next,
		"request":          d.request,
	}
}

func (d *driver) client(r *request) (result, error) {
	o := r.Options
	var given []valetkey.Option
	add := func(value *string, option func(string) valetkey.Option) {
		if value != nil {
			given = append(given, option(*value))
		}
	}
	add(o.Address, valetkey.WithAddress)
	add(o.APIKey, valetkey.WithAPIKey)
	add(o.Application, valetkey.WithApplication)
	add(o.TLSCA, valetkey.WithAuthorities)
	add(o.ServerName, valetkey.WithServerName)
	if o.TLSCert != nil || o.TLSKey != nil {
		given = append(given, valetkey.WithClientCertificate(text(o.TLSCert), text(o.TLSKey)))
	}
	if o.InsecurePlaintext {
		given = append(given, valetkey.WithInsecurePlaintext())
	}
	if o.TimeoutMS != nil {
		given = append(given, valetkey.WithTimeout(time.Duration(*o.TimeoutMS)*time.Millisecond))
	}
	client, err := valetkey.NewClient(given...)
	if err != nil {
		return nil, err
	}
	put(d, d.clients, r.Client, client)
	return nil, nil
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// closeClient leaves the client where it is: later ops find it closed.
func (d *driver) closeClient(r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	return nil, client.Close()
}

// cancel does nothing to a request that has just been answered.
func (d *driver) cancel(r *request) (result, error) {
	if cancel, err := find(d, d.pending, "request", string(r.Request)); err == nil {
		cancel()
	}
	return nil, nil
}

func (d *driver) authorize(ctx context.Context, r *request) (result, error) {
	return d.authorizeBy(ctx, r, &valetkeyv1.AuthorizeRequest{
		Provider:   r.Provider,
		Subject:    r.Subject,
		Connection: r.Connection,
		Scopes:     r.Scopes,
		ReturnUri:  r.ReturnURI,
		Labels:     r.Labels,
	})
}

func (d *driver) reauthorize(ctx context.Context, r *request) (result, error) {
	ended, err := find(d, d.ended, "ReauthorizationRequired of request", string(r.Request))
	if err != nil {
		return nil, err
	}
	return d.authorizeBy(ctx, r, ended.AuthorizeRequest())
}

func (d *driver) authorizeBy(ctx context.Context, r *request, message *valetkeyv1.AuthorizeRequest) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	begun, err := client.Authorize(ctx, message)
	if err != nil {
		return nil, err
	}
	return result{
		"authorization_uri": begun.GetAuthorizationUri(),
		"state":             begun.GetState(),
		"connection":        begun.GetConnection(),
	}, nil
}

func (d *driver) exchange(ctx context.Context, r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	done, err := client.Exchange(ctx, &valetkeyv1.ExchangeRequest{
		State: r.State, Code: r.Code, Error: r.Error,
	})
	if err != nil {
		return nil, err
	}
	return result{
		"connection": done.GetConnection(),
		"scopes":     list(done.GetScopes()),
		"generation": done.GetGeneration(),
	}, nil
}

func (d *driver) getToken(ctx context.Context, r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	message := &valetkeyv1.GetTokenRequest{
		Name:               r.Name,
		RequiredScopes:     r.RequiredScopes,
		MinGeneration:      r.MinGeneration,
		RejectedGeneration: r.RejectedGeneration,
	}
	if r.MinLifetimeMS != 0 {
		message.MinLifetime = durationpb.New(time.Duration(r.MinLifetimeMS) * time.Millisecond)
	}
	token, err := client.GetToken(ctx, message)
	if err != nil {
		return nil, err
	}
	return tokenOf(token), nil
}

func (d *driver) refresh(ctx context.Context, r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	token, err := client.Refresh(ctx, &valetkeyv1.RefreshRequest{
		Name: r.Name, Generation: r.Generation,
	})
	if err != nil {
		return nil, err
	}
	return tokenOf(token), nil
}

func (d *driver) revoke(ctx context.Context, r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	done, err := client.Revoke(ctx, &valetkeyv1.RevokeRequest{Name: r.Name})
	if err != nil {
		return nil, err
	}
	tokens := []result{}
	for _, token := range done.GetTokens() {
		tokens = append(tokens, result{
			"kind":   short("TOKEN_KIND_", token.GetKind()),
			"result": short("REVOCATION_RESULT_", token.GetResult()),
		})
	}
	return result{"copy_destroyed": done.GetCopyDestroyed(), "tokens": tokens}, nil
}

func (d *driver) getConnection(ctx context.Context, r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	found, err := client.GetConnection(ctx, &valetkeyv1.GetConnectionRequest{Name: r.Name})
	if err != nil {
		return nil, err
	}
	labels := found.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	return result{
		"name":       found.GetName(),
		"state":      short("CONNECTION_STATE_", found.GetState()),
		"subject":    found.GetSubject(),
		"generation": found.GetGeneration(),
		"labels":     labels,
	}, nil
}

func (d *driver) listConnections(ctx context.Context, r *request) (result, error) {
	client, err := find(d, d.clients, "client", r.Client)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for connection, err := range client.AllConnections(ctx, &valetkeyv1.ListConnectionsRequest{
		Subject: r.Subject, PageSize: r.PageSize,
	}) {
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		names = append(names, connection.GetName())
	}
	return result{"names": names}, nil
}
