package cache_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"m1/cache"
	"m1/cache/remote"
	"m1/cache/seal"
)

func ExampleOf_Get() {
	c, err := cache.New(cache.Options{}) // without Redis, this process alone
	if err != nil {
		panic(err)
	}
	prices, err := cache.Register(c, cache.Class{Name: "prices", Scope: cache.Tenant}, cache.JSON[int]{})
	if err != nil {
		panic(err)
	}
	key, err := prices.Key(cache.Question{Tenant: "acme", Tool: "price", Args: []byte(`{"item":"tea"}`)})
	if err != nil {
		panic(err)
	}
	tags := []cache.Tag{{Scope: "acme", Collection: "prices", Item: "tea"}}
	ask := func() {
		price, info, err := prices.Get(context.Background(), key, tags, func(context.Context) (int, error) {
			return 350, nil // where the data is
		})
		fmt.Println(price, info.Tier, info.Why, err)
	}
	ask()
	ask()
	// Output:
	// 350 none absent <nil>
	// 350 local held <nil>
}

func ExampleCache_Write() {
	ctx := context.Background()
	c, err := cache.New(cache.Options{})
	if err != nil {
		panic(err)
	}
	files, err := cache.Register(c, cache.Class{Name: "files"}, cache.JSON[string]{})
	if err != nil {
		panic(err)
	}
	key, err := files.Key(cache.Question{Principal: "ann", Tool: "read", Args: []byte(`"a.txt"`)})
	if err != nil {
		panic(err)
	}
	tags := []cache.Tag{{Scope: "run 7", Collection: "files", Item: "a.txt"}}
	text := "old"
	read := func() {
		got, info, _ := files.Get(ctx, key, tags, func(context.Context) (string, error) { return text, nil })
		fmt.Println(got, info.Tier, info.Why)
	}
	read()
	read()
	err = c.Write(ctx, tags, func(context.Context) error {
		text = "new"
		read() // while it changes, nothing is kept
		return nil
	})
	fmt.Println(err)
	read()
	// Output:
	// old none absent
	// old local held
	// new none fenced
	// <nil>
	// new none absent
}

func ExampleOf_GetMany() {
	ctx := context.Background()
	c, err := cache.New(cache.Options{})
	if err != nil {
		panic(err)
	}
	squares, err := cache.Register(c, cache.Class{Name: "squares", Scope: cache.Public}, cache.JSON[int]{})
	if err != nil {
		panic(err)
	}
	ask := func(numbers ...int) {
		requests := make([]cache.Request, len(numbers))
		for i, n := range numbers {
			key, err := squares.Key(cache.Question{Tool: "square", Args: fmt.Append(nil, n)})
			if err != nil {
				panic(err)
			}
			requests[i] = cache.Request{Key: key}
		}
		results, err := squares.GetMany(ctx, requests, func(_ context.Context, missing []int) ([]int, error) {
			var out []int
			for _, i := range missing {
				out = append(out, numbers[i]*numbers[i])
			}
			return out, nil
		})
		for _, r := range results {
			fmt.Print(r.Value, " ", r.Info.Tier, "; ")
		}
		fmt.Println(err)
	}
	ask(1, 2)
	ask(1, 2, 3)
	// Output:
	// 1 none; 4 none; <nil>
	// 1 local; 4 local; 9 none; <nil>
}

// Nodes that share a Redis. Run keeps the lease that memory is served by: without
// it every Get loads.
func ExampleNew_redis() {
	tier, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:6379", Node: "node-1"})
	if err != nil {
		log.Fatal(err)
	}
	journal, err := cache.OpenJournal("cache-journal")
	if err != nil {
		log.Fatal(err)
	}
	defer journal.Close()
	secret, err := seal.ReadSecret("cache.key") // 64 hex digits, the same on all nodes
	if err != nil {
		log.Fatal(err)
	}
	c, err := cache.New(cache.Options{Redis: tier, Journal: journal, Secret: secret})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()

	// … register classes, serve, and when data changed that answers depend on:
	_, err = c.Invalidate(ctx, cache.Tag{Collection: "orders", Item: "7"})
	if errors.Is(err, cache.ErrNotPropagated) {
		log.Print("holds here; the other nodes are told when Redis is back")
	}

	stop()
	log.Print(<-ended)
}
