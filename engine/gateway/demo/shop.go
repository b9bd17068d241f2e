package demo

import (
	"encoding/json"
	"fmt"
)

// shop is the world behind the demo's tools; each run has one of its own, as in
// the recorded traffic of the design. Every answer carries the version of what
// it tells about, so that a wrong answer from a cache can be recognised.
type shop struct {
	orders    map[string]int // version
	customers map[string]int
}

func newShop() *shop {
	return &shop{orders: map[string]int{}, customers: map[string]int{}}
}

// read answers a read tool from the world as it stands.
func (s *shop) read(tool string, args map[string]string) json.RawMessage {
	switch tool {
	case "get_order":
		id := args["order_id"]
		return object("order_id", id, "status", "paid", "version", fmt.Sprint(s.orders[id]))
	case "get_customer":
		id := args["customer_id"]
		return object("customer_id", id, "tier", "gold", "version", fmt.Sprint(s.customers[id]))
	case "list_orders":
		sum := 0
		for _, v := range s.orders {
			sum += v
		}
		return object("orders", fmt.Sprint(len(s.orders)), "changes", fmt.Sprint(sum))
	case "search_docs":
		return object("title", "How to "+args["query"], "hits", "3")
	default:
		return object("price", "4.90", "currency", "EUR")
	}
}

// change does what a write or execute tool does.
func (s *shop) change(tool string, args map[string]string) json.RawMessage {
	if id := args["order_id"]; id != "" {
		s.orders[id]++
	}
	if id := args["customer_id"]; id != "" {
		s.customers[id]++
	}
	return object("done", tool)
}

func object(pairs ...string) json.RawMessage {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return encode(m)
}

// encode cannot fail: a map of strings always has a JSON form.
func encode(m map[string]string) json.RawMessage {
	b, _ := json.Marshal(m)
	return b
}
