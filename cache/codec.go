package cache

import "encoding/json"

// Codec turns answers into bytes and back. Decode runs on every Get, so that no
// two callers ever share a value.
type Codec[V any] interface {
	Encode(v V) ([]byte, error)
	Decode(b []byte) (V, error)
}

// Bytes keeps byte slices as they are: nobody may change what Get returned, nor
// what was given to be kept.
type Bytes struct{}

// Encode implements Codec.
func (Bytes) Encode(v []byte) ([]byte, error) { return v, nil }

// Decode implements Codec.
func (Bytes) Decode(b []byte) ([]byte, error) { return b, nil }

// JSON keeps values as JSON.
type JSON[V any] struct{}

// Encode implements Codec.
func (JSON[V]) Encode(v V) ([]byte, error) { return json.Marshal(v) }

// Decode implements Codec.
func (JSON[V]) Decode(b []byte) (v V, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}
