// Command sleep fills the SQLite database of a deployment that has ended with sleeping rooms, to find what they cost: copies of one
// that fell asleep there, each with its seats.
//
//	sleep FILE N    # such as madang-data/madang.db 1000000
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	_ "modernc.org/sqlite"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: sleep FILE N")
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil || n < 1 {
		log.Fatal("N is a number from 1")
	}
	if err := fill(os.Args[1], n); err != nil {
		log.Fatal(err)
	}
}

// fill copies the rows of a sleeping room n times.
func fill(file string, n int) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	defer db.Close()
	var room string
	if err := db.QueryRow(`SELECT id FROM rooms WHERE asleep <> 0 LIMIT 1`).Scan(&room); err != nil {
		return fmt.Errorf("find a sleeping room to copy: %w", err)
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, table := range []struct{ name, id string }{{"rooms", "id"}, {"records", "room"}, {"seats", "room"}} {
		columns, err := columnsOf(tx, table.name)
		if err != nil {
			return err
		}
		values := make([]string, len(columns))
		for i, c := range columns {
			values[i] = "o." + c
			if c == table.id {
				values[i] = "printf('%s-%07d', o." + c + ", i)"
			}
		}
		_, err = tx.Exec(fmt.Sprintf(`WITH RECURSIVE counted (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < ?)
			INSERT INTO %s (%s) SELECT %s FROM counted, %s o WHERE o.%s = ?`,
			table.name, strings.Join(columns, ", "), strings.Join(values, ", "), table.name, table.id), n, room)
		if err != nil {
			return fmt.Errorf("copy %s: %w", table.name, err)
		}
	}
	return tx.Commit()
}

func columnsOf(tx *sql.Tx, table string) (columns []string, err error) {
	rows, err := tx.Query(`SELECT name FROM pragma_table_info(?)`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		columns = append(columns, name)
	}
	return columns, rows.Err()
}
