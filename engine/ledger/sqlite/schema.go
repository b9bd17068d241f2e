package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

const (
	applicationID = 0x4d314c47 // "M1LG": marks the file as a ledger
	version       = 1          // of the schema, kept as user_version
)

// schema is version 1. postings says which events belong to a run; it follows
// events in steps, marks says how far it got. STRICT, so that no value changes
// its type on the way in.
const schema = `
CREATE TABLE events (
	seq   INTEGER PRIMARY KEY,
	at    INTEGER NOT NULL, -- nanoseconds since 1970, UTC
	kind  TEXT NOT NULL,
	run   TEXT NOT NULL,
	call  TEXT NOT NULL,
	agent TEXT NOT NULL,
	tool  TEXT NOT NULL,
	data  BLOB NOT NULL,
	hash  BLOB NOT NULL
) STRICT;
CREATE TABLE postings (
	run   TEXT NOT NULL,
	first INTEGER NOT NULL,
	seqs  BLOB NOT NULL, -- uvarint distances, from 0
	PRIMARY KEY (run, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
	name TEXT PRIMARY KEY,
	seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO marks VALUES ('postings', 0);
`

// dsn names the file for the driver. The path may hold any character.
func dsn(path, mode string, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}).String()
}

// migrate lays out an empty file and refuses one that is not a ledger of this
// version.
func migrate(ctx context.Context, conn *sql.Conn) error {
	var id, v, tables int
	for _, q := range []struct {
		to  *int
		sql string
	}{
		{&id, "PRAGMA application_id"},
		{&v, "PRAGMA user_version"},
		{&tables, "SELECT count(*) FROM sqlite_schema"},
	} {
		if err := conn.QueryRowContext(ctx, q.sql).Scan(q.to); err != nil {
			return err
		}
	}
	switch {
	case id == applicationID && v == version:
		return nil
	case id == applicationID && v > version:
		return fmt.Errorf("it was written by a newer m1 (format %d, this one knows %d); use that m1, or choose another --state", v, version)
	case id != 0 || v != 0 || tables != 0:
		return errNotLedger
	}
	for _, q := range []string{
		"BEGIN IMMEDIATE",
		schema,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", version),
		"COMMIT",
	} {
		if _, err := conn.ExecContext(ctx, strings.TrimSpace(q)); err != nil {
			return err
		}
	}
	return nil
}
