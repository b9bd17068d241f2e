package seal_test

import (
	"fmt"
	"time"

	"m1/cache/seal"
)

func ExampleBox() {
	secret, err := seal.NewSecret([]byte("32 bytes or more that nobody else can guess"))
	if err != nil {
		panic(err)
	}
	question := seal.Question{Tenant: "acme", Principal: "agent-17", Server: "shop", Tool: "get_order", Args: []byte(`{"id":5}`)}
	key := secret.Key("result", question)
	box, err := secret.Box(question.Tenant)
	if err != nil {
		panic(err)
	}

	name := append([]byte("result/1/"), key[:]...)
	header := seal.Header{Created: time.UnixMilli(1_788_000_000_000), Versions: []uint64{17}}
	options := seal.Options{Encrypt: true, CompressFrom: 4096}
	entry, err := box.Seal(name, header, []byte(`{"status":"delivered"}`), options)
	if err != nil {
		panic(err)
	}

	if seal.Matches(entry, []uint64{17}) { // cheap: most old entries end here
		h, value, err := box.Open(name, entry, 1<<20, options)
		fmt.Println(string(value), h.Created.Format(time.DateOnly), err)
	}

	question.Principal = "agent-18"
	other := secret.Key("result", question)
	_, _, err = box.Open(append([]byte("result/1/"), other[:]...), entry, 1<<20, options)
	fmt.Println(seal.Reason(err), err)
	// Output:
	// {"status":"delivered"} 2026-08-29 <nil>
	// forged seal: entry is not authentic
}
