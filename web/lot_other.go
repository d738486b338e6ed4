//go:build !linux

package web

import "errors"

const hasLot = false

// lot is not there: a connection that is quiet keeps its goroutine.
type lot struct{}

func newLot() *lot { return nil }

func (*lot) close() {}

func (*lot) run() {}

func (*lot) enter(*session) (uint64, error) { return 0, errors.ErrUnsupported }

func (*lot) take(uint64) {}
