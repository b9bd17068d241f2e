//go:build !race

package seal_test

const raced = false
