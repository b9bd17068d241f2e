package seal

import "errors"

// What is wrong with an entry. All but ErrTooLarge and ErrNoSecret come from Open
// alone. An entry that Open refuses is a miss.
var (
	// ErrForeign: not an entry of M1, or one of another format.
	ErrForeign = errors.New("seal: not an entry of this format")
	// ErrTruncated: the end is missing.
	ErrTruncated = errors.New("seal: entry is cut off")
	// ErrForged: not what Seal made for this name, tenant and secret. A node with
	// another secret on the same store looks the same.
	ErrForged = errors.New("seal: entry is not authentic")
	// ErrTooLarge: the value is larger than the caller, or this package, takes.
	ErrTooLarge = errors.New("seal: value is too large")
	// ErrEncrypted: the caller takes encrypted entries only, and this one is not.
	ErrEncrypted = errors.New("seal: entry is not encrypted, but must be")
	// ErrNoSecret: encryption was asked for without a secret.
	ErrNoSecret = errors.New("seal: encryption needs a secret")
)

// Reason returns the class of an error of this package for a counter: "foreign",
// "truncated", "forged", "too_large", "unencrypted" or "no_secret"; "other" for
// any other error and "" for none.
func Reason(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrForeign):
		return "foreign"
	case errors.Is(err, ErrTruncated):
		return "truncated"
	case errors.Is(err, ErrForged):
		return "forged"
	case errors.Is(err, ErrTooLarge):
		return "too_large"
	case errors.Is(err, ErrEncrypted):
		return "unencrypted"
	case errors.Is(err, ErrNoSecret):
		return "no_secret"
	}
	return "other"
}
