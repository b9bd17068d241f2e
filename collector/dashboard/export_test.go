package dashboard

import (
	"m1/collector/snapshot"
	"m1/engine/gateway/guard"
)

// ClientOver is Dial with a connection of the test's own.
func ClientOver(conn *guard.Conn) *Client { return &Client{conn} }

// Decode is what the client makes of two bodies.
func Decode(whole, calls []byte) (*snapshot.Dashboard, error) { return decode(whole, calls) }
