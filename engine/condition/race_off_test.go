//go:build !race

package condition_test

const race = false
