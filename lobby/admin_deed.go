package lobby

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/madang-games/madang/store"
)

// adminGet adds a call that changes nothing: what h returns is the answer.
func adminGet[In, Out any](a *Admin, path, summary string, h func(*Context, In) (Out, error)) {
	d := detailsOf[In, Out]("lobby: admin GET "+path, http.MethodGet)
	a.routes = append(a.routes, adminRoute{route{http.MethodGet, path, true, func(c *Context) error {
		if err := d.read(c); err != nil {
			return err
		}
		out, err := h(c, *c.in.(*In))
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, out)
	}}, summary, d})
}

// deed is what a call has done, for the audit trail.
type deed struct {
	user   string // whose account it is about
	target string // what else it is about
	none   bool   // nothing was done
}

// because is part of every request that changes something.
type because struct {
	Reason string `json:"reason" check:"required,min=1,max=500" doc:"Why, for the audit trail. Players don't see it."`
}

const maxReason = 500 // characters

func (b because) why() (string, error) {
	reason, err := cleanText(b.Reason, maxReason, true, badRequest)
	if err == nil && reason == "" {
		err = badRequest.because("The reason is empty.")
	}
	return reason, err
}

// adminDo adds a call that changes something: what h does is one transaction with its entry in the audit trail, of the action.
// then, if there is one, is done when that is kept, each time that the call comes: what it does twice must do no harm. Its error
// is the answer in the place of that, and the same call may be sent again.
func adminDo[In interface{ why() (string, error) }, Out any](
	a *Admin, method, path, action, summary string, h func(*Context, In) (Out, deed, error), then func(*Context, In) error,
) {
	d := detailsOf[In, Out]("lobby: admin "+method+" "+path, method)
	once := a.service.onceOnly(func(c *Context) error {
		in := *c.in.(*In)
		out, done, err := h(c, in)
		if err != nil {
			return err
		}
		if err := a.keep(c, action, done, in); err != nil {
			return err
		}
		if len(d.out.fields) == 0 {
			return c.NoContent()
		}
		return c.JSON(http.StatusOK, out)
	}, true)
	a.routes = append(a.routes, adminRoute{route{method, path, true, func(c *Context) error {
		if err := d.read(c); err != nil {
			return err
		}
		in := *c.in.(*In)
		if _, err := in.why(); err != nil {
			return err
		}
		if err := once(c); err != nil {
			return err
		}
		if then != nil && c.answer.status < 300 {
			return then(c, in)
		}
		return nil
	}}, summary, d})
}

// keep adds what was done to the audit trail.
func (a *Admin) keep(c *Context, action string, done deed, in interface{ why() (string, error) }) error {
	if done.none {
		return nil
	}
	reason, err := in.why()
	if err != nil {
		return err
	}
	params, err := paramsWithoutReason(in)
	if err != nil {
		return err
	}
	c.After(func(context.Context) {
		a.service.config.Log.Info("an operator acts", "request", c.request, "operator", c.operator, "action", action, "user", done.user, "target", done.target)
	})
	return a.store.KeepAudit(c.ctx, store.AuditEntry{
		At: c.now(), Actor: c.operator, Action: action, User: done.user, Target: done.target, Params: params, Reason: reason, Request: c.request,
	})
}

// paramsWithoutReason is a request as the audit trail keeps it.
func paramsWithoutReason(in any) ([]byte, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode what an operator asks for: %w", err)
	}
	params := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&params); err != nil {
		return nil, fmt.Errorf("encode what an operator asks for: %w", err)
	}
	delete(params, "reason")
	return json.Marshal(params)
}
