package condition

import "m1/engine/schema"

// InCEL compiles a condition for cel-go, whatever could be lowered.
func InCEL(src string, env *Env) (*Condition, error) {
	r, err := slow(src, env, schema.Bool)
	if err != nil {
		return nil, err
	}
	return &Condition{rule: *r}, nil
}

// Cmds is the function cmds of conditions.
var Cmds = cmds
