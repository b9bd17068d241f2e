package guard

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error is a refusal: the object under "error" in every answer that is not 2xx.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`            // for programs; stable
	Message string `json:"message"`         // what happened
	Hint    string `json:"hint"`            // what to do next
	Field   string `json:"field,omitempty"` // the member of the request that is meant, such as "agent.id"

	// Answer is the whole body that a client received: some refusals say more beside
	// the error. The server does not look at it.
	Answer json.RawMessage `json:"-"`
}

// Error is the sentence for people.
func (e *Error) Error() string {
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return fmt.Sprintf("%s (%d %s)", s, e.Status, e.Code)
}

type errorBody struct {
	Error *Error `json:"error"`
}

// Fail answers with e.
func Fail(w http.ResponseWriter, e *Error) { JSON(w, e.Status, errorBody{e}) }
