package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"m1/engine/event"
)

// autoCheckpoint is the size of the log, in pages of 4 KiB, at which a commit
// moves it into the file by itself. It only matters where nobody calls
// Checkpoint; it keeps the log bounded there too.
const autoCheckpoint = 16_384

// writer is the one connection that adds events, with its statements.
type writer struct {
	db     *sql.DB
	conn   *sql.Conn
	stmts  []*sql.Stmt
	start  *sql.Stmt
	event  *sql.Stmt
	post   *sql.Stmt
	mark   *sql.Stmt
	finish *sql.Stmt
}

// openWriter connects for writing and makes sure that a commit will reach the
// disk before it returns.
func openWriter(ctx context.Context, path string) (*writer, error) {
	db, err := sql.Open("sqlite", dsn(path, "rw",
		"busy_timeout(500)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"fullfsync(1)", // macOS only: its fsync leaves data in the drive
		"wal_autocheckpoint("+strconv.Itoa(autoCheckpoint)+")",
		"temp_store(MEMORY)",
		"cache_size(-16000)",
	))
	if err != nil {
		return nil, err
	}
	w := &writer{db: db}
	if w.conn, err = db.Conn(ctx); err == nil {
		err = w.checkSafety(ctx)
	}
	if err == nil {
		err = migrate(ctx, w.conn)
	}
	if err == nil {
		err = w.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// checkSafety refuses a file system on which SQLite silently kept other settings
// than the ones that durability rests on.
func (w *writer) checkSafety(ctx context.Context) error {
	var journal string
	var synchronous int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if err := w.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if journal != "wal" || synchronous != 2 {
		return fmt.Errorf("the file system allows no write-ahead log (journal %s, synchronous %d); put the ledger on a local disk", journal, synchronous)
	}
	return nil
}

func (w *writer) prepare(ctx context.Context) error {
	// OR ROLLBACK spares SQLite a second journal per statement: a failed insert
	// gives up the whole transaction anyway.
	for _, st := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&w.start, "BEGIN IMMEDIATE"},
		{&w.event, "INSERT OR ROLLBACK INTO events (seq, at, kind, run, call, agent, tool, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&w.post, "INSERT OR ROLLBACK INTO postings (run, first, seqs) VALUES (?, ?, ?)"},
		{&w.mark, "UPDATE OR ROLLBACK marks SET seq = ? WHERE name = 'postings'"},
		{&w.finish, "COMMIT"},
	} {
		s, err := w.conn.PrepareContext(ctx, st.sql) //nolint:sqlclosecheck // kept in w.stmts, which close closes
		if err != nil {
			return err
		}
		*st.to = s
		w.stmts = append(w.stmts, s)
	}
	return nil
}

func (w *writer) begin(ctx context.Context) error {
	_, err := w.start.ExecContext(ctx)
	return err
}

func (w *writer) insert(ctx context.Context, ev event.Event) error {
	data := []byte(ev.Data)
	if data == nil {
		data = []byte{} // the column knows no NULL
	}
	_, err := w.event.ExecContext(ctx, int64(ev.Seq), ev.At.UnixNano(), string(ev.Kind), string(ev.Run),
		string(ev.Call), string(ev.Agent), ev.Tool, data, ev.Hash[:])
	return err
}

func (w *writer) insertPostings(ctx context.Context, index tail, batch []entry) error {
	all := index.clone()
	all.add(batch)
	for _, p := range all.postings() {
		if _, err := w.post.ExecContext(ctx, string(p.run), int64(p.seqs[0]), encodeSeqs(p.seqs)); err != nil {
			return err
		}
	}
	_, err := w.mark.ExecContext(ctx, int64(all.mark)+int64(all.n))
	return err
}

func (w *writer) commit(ctx context.Context) error {
	_, err := w.finish.ExecContext(ctx)
	return err
}

// close gives up an open transaction.
func (w *writer) close() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}
