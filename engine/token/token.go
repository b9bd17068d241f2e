// Package token owns signed grants: it makes, checks and rotates what proves that
// a call was approved.
package token

import _ "github.com/golang-jwt/jwt/v5"
