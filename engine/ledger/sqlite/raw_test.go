package sqlite_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
)

// raw is a connection of somebody else to the file of a ledger.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func run(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.Exec(query, args...)
	require.NoError(t, err)
}

// rewrite puts evs in place of all records.
func rewrite(t testing.TB, path string, evs []event.Event) {
	t.Helper()
	tx, err := raw(t, path).Begin()
	require.NoError(t, err)
	_, err = tx.Exec("DELETE FROM events")
	require.NoError(t, err)
	for _, ev := range evs {
		_, err := tx.Exec("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", int64(ev.Seq), ev.At.UnixNano(), string(ev.Kind),
			string(ev.Run), string(ev.Call), string(ev.Agent), ev.Tool, append([]byte{}, ev.Data...), ev.Hash[:])
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

// holdSnapshot makes db read and keep what it reads until the end it returns.
func holdSnapshot(t testing.TB, db *sql.DB) (end func()) {
	t.Helper()
	tx, err := db.Begin()
	require.NoError(t, err)
	var n int
	require.NoError(t, tx.QueryRow("SELECT count(*) FROM events").Scan(&n))
	return func() { require.NoError(t, tx.Rollback()) }
}
