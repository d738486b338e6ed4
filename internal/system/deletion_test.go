package system

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/madang-games/madang/store/sql" // the drivers

	"github.com/madang-games/madang/internal/testservers"
)

// A player registers, plays, and deletes the account while it plays: the others see it leave, its connection ends, and nothing
// of it is left in the database.
func TestADeletedAccountLeavesItsRoomAndTheDatabase(t *testing.T) {
	t.Parallel()
	t.Run("Embedded", func(t *testing.T) {
		t.Parallel()
		data := t.TempDir()
		p := start(t, "--data", data).ready()
		deleted(t, p.URL, p.URL, "sqlite", filepath.Join(data, "madang.db"), `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`)
	})
	t.Run("Cluster", func(t *testing.T) {
		t.Parallel()
		dsn, broker := testservers.Postgres(t), testservers.RabbitMQ(t).URL
		one := start(t, "--broker", broker, "--store", dsn)
		two := start(t, "--broker", broker, "--store", dsn).ready()
		deleted(t, one.ready().URL, two.URL, "pgx", dsn, `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'`)
	})
}

// deleted plays at one process and deletes at the other.
func deleted(t *testing.T, one, two, driver, dsn, columns string) {
	in := map[string]string{"platform": "password", "token": "xanthippe@example.org:correct horse battery", "name": "Xanthippe"}
	var player signedIn
	rest(t, http.MethodPost, one+"/v1/register", "", in, &player)
	rest(t, http.MethodPatch, two+"/v1/user", player.Token, map[string]any{"about": "here I am, Xanthippe"}, nil)
	other := guest(t, two)
	var room, again joined
	rest(t, http.MethodPost, one+"/v1/rooms", player.Token, map[string]string{"game": "relay"}, &room)
	rest(t, http.MethodPost, two+"/v1/rooms/"+room.Room.ID+"/join", other.Token, nil, &again)
	plays, sees := dialSTOMP(t, room.Stomp.URL, player.Token), dialSTOMP(t, again.Stomp.URL, other.Token)
	seen, played := sees.subscribe(t, room.Stomp.Topic), plays.subscribe(t, room.Stomp.Topic)
	seen.next(t, "$snapshot")
	played.next(t, "$snapshot")
	plays.send(t, room.Stomp.Queue, "say", `"hello"`)
	seen.next(t, "say")

	var refreshed signedIn
	rest(t, http.MethodPost, two+"/v1/session/refresh", player.Token, nil, &refreshed)
	rest(t, http.MethodDelete, two+"/v1/user", refreshed.Token, nil, nil)
	if left := string(seen.next(t, "$left").Body); member(left, "user") != player.User.ID || member(left, "reason") != "left" {
		t.Errorf("the other player is told %s", left)
	}
	if m := played.await("nothing more"); m != nil {
		t.Errorf("the deleted player hears %s", m.Body)
	}
	for _, address := range []string{one, two} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/v1/user", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+refreshed.Token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("the session gets %s", response.Status)
		}
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	eventually(t, "something is left", func() error {
		return absent(db, columns, player.User.ID, "anthippe")
	})
	rest(t, http.MethodPost, one+"/v1/register", "", in, &player) // all is free again
}

// absent says in which column one of the texts stands; nil: in none.
func absent(db *sql.DB, columns string, texts ...string) error {
	rows, err := db.Query(columns)
	if err != nil {
		return err
	}
	tables := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		tables[table] = append(tables[table], column)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for table, columns := range tables {
		rows, err := db.Query(`SELECT "` + strings.Join(columns, `", "`) + `" FROM ` + table)
		if err != nil {
			return err
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.RawBytes)
			}
			if err := rows.Scan(values...); err != nil {
				return err
			}
			for i, value := range values {
				for _, text := range texts {
					if strings.Contains(string(*value.(*sql.RawBytes)), text) {
						err = fmt.Errorf("%q is in %s.%s", text, table, columns[i])
					}
				}
			}
		}
		if closed := rows.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	if len(tables) < 10 {
		return fmt.Errorf("found %d tables", len(tables))
	}
	return nil
}
