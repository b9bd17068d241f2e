package call

import "fmt"

// Effect is what a decision does to a call. Deny is the zero value, so that a
// caller who drops an error still blocks.
type Effect uint8

// Effects from strongest to weakest: of all rules that match, the strongest decides.
const (
	Deny Effect = iota
	Ask
	Allow
)

var effects = [...]string{Deny: "deny", Ask: "ask", Allow: "allow"}

func (e Effect) String() string {
	if int(e) < len(effects) {
		return effects[e]
	}
	return fmt.Sprintf("effect(%d)", uint8(e))
}

// MarshalText writes deny, ask or allow.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads deny, ask or allow; anything else is an error.
func (e *Effect) UnmarshalText(b []byte) error {
	for i, s := range effects {
		if s == string(b) {
			*e = Effect(i)
			return nil
		}
	}
	return fmt.Errorf("call: effect %q is none of deny, ask, allow", b)
}

// Scope is how far a tool reaches. The zero value is no scope at all: as the
// most that an agent may do it denies everything.
type Scope uint8

// Scopes in rising order.
const (
	NoScope Scope = iota
	Read
	Write
	Execute
)

var scopes = [...]string{NoScope: "", Read: "read", Write: "write", Execute: "execute"}

func (s Scope) String() string {
	if int(s) < len(scopes) {
		return scopes[s]
	}
	return fmt.Sprintf("scope(%d)", uint8(s))
}

// MarshalText writes read, write, execute, or nothing for NoScope.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads read, write or execute; anything else is an error.
func (s *Scope) UnmarshalText(b []byte) error {
	for i, name := range scopes {
		if i != int(NoScope) && name == string(b) {
			*s = Scope(i)
			return nil
		}
	}
	return fmt.Errorf("call: scope %q is none of read, write, execute", b)
}
