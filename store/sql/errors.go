package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/madang-games/madang/store"
)

// errClosed: this process has closed the store.
var errClosed = fmt.Errorf("%w: it was closed", store.ErrUnavailable)

// failed gives err the port's words. A context's own end is told as such and nothing else, since the database may be well.
func failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	switch cause := ctx.Err(); {
	case known(err):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, stdsql.ErrNoRows):
		return fmt.Errorf("%s: %w", doing, store.ErrNotFound)
	case postgresCode(err) == "22021": // PostgreSQL has no text with a zero byte, and none that is not UTF-8
		return fmt.Errorf("%s: %w: nothing has such a name", doing, store.ErrNotFound)
	case cause != nil:
		return fmt.Errorf("%s: %w (%v)", doing, cause, err)
	case unavailable(err):
		return fmt.Errorf("%s: %w: %w", doing, store.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func known(err error) bool {
	for _, sentinel := range []error{
		store.ErrNotFound, store.ErrNameTaken, store.ErrRoomFull, store.ErrRoomClosed, store.ErrStaleTerm,
		store.ErrUnavailable, store.ErrNewerSchema, store.ErrIdentityTaken, store.ErrPlatformLinked, store.ErrLastIdentity,
		store.ErrInParty, store.ErrPartyFull, store.ErrPartyChanged, store.ErrNotLeader, store.ErrCodeTaken, store.ErrSearching,
		store.ErrTicketOver, store.ErrSeated,
		store.ErrShort, store.ErrFull, store.ErrBanned, store.ErrNotOwner, store.ErrNotSeated, store.ErrPlays,
		store.ErrBlocked, store.ErrTooMany, store.ErrAccountBanned,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// unavailable: the database could not be reached, or it refuses work for reasons of its own.
func unavailable(err error) bool {
	if code := postgresCode(err); code != "" {
		// PostgreSQL manual, appendix A: connection exception, insufficient resources, operator intervention (which
		// has query_canceled: 57014 comes from a statement timeout), system error, invalid authorization,
		// invalid catalog name, read only transaction (a server that is a standby now),
		// idle in transaction session timeout.
		for _, class := range []string{"08", "53", "57", "58", "28", "3D", "25006", stoodStill} {
			if strings.HasPrefix(code, class) {
				return true
			}
		}
		return false
	}
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, stdsql.ErrConnDone) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// refused: the database answers and will not have us until a person changes something.
func refused(err error) bool {
	code := postgresCode(err)
	return strings.HasPrefix(code, "28") || strings.HasPrefix(code, "3D")
}

// stoodStill is PostgreSQL's code for idle_in_transaction_session_timeout.
const stoodStill = "25P03"

// undone: the database has undone the transaction because of another one, or because this process was frozen in the middle of
// it; it may be run again.
func undone(err error) bool {
	switch postgresCode(err) {
	case "40001", "40P01", stoodStill: // serialization_failure, deadlock_detected
		return true
	}
	return false
}

// foreignKey: a row that was referred to is not there.
func foreignKey(err error) bool {
	return postgresCode(err) == "23503" || sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// duplicate: another row has what must be unique.
func duplicate(err error) bool {
	return postgresCode(err) == "23505" || sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}
