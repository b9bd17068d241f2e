// Package args reads single members of raw JSON arguments without decoding them.
package args
