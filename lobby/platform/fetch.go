package platform

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	fetchTime    = 5 * time.Second
	maxDocument  = 1 << 20 // bytes
	maxRedirects = 3
)

// fetch gets a document of at most 1 MiB, in at most 5 s, from where allowed says that it may come from; redirects too.
// That a player hangs up does not end it, as others wait for the same document.
func fetch(ctx context.Context, client *http.Client, address string, allowed func(*url.URL) error) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address %.200q is malformed", address)
	}
	if err := allowed(u); err != nil {
		return nil, err
	}
	bounded := http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return allowed(r.URL)
	}}
	if client != nil {
		bounded.Transport = client.Transport
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := bounded.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: status %d", u.Redacted(), response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", u.Redacted(), err)
	}
	if len(body) > maxDocument {
		return nil, fmt.Errorf("get %s: more than %d bytes", u.Redacted(), maxDocument)
	}
	return body, nil
}

// secure says that an address is of the form https://host..., or http on this machine itself.
func secure(u *url.URL) error {
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.User != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return fmt.Errorf("the address %.200q is not of the form https://host", u.Redacted())
	}
	return nil
}
