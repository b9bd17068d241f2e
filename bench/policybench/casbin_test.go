package policybench

import (
	"errors"
	"strconv"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"m1/bench/policybench/mix"
)

// loadCasbin reads the limits of amounts before the first call; the functions get
// them as texts with every call.
func loadCasbin(m *mix.Mix) loaded {
	rules := m.Casbin()
	limits := map[string]float64{}
	seen := map[string]bool{} // casbin refuses a rule that is there twice
	var once [][]string
	for i, r := range m.Rules {
		if r.Below != 0 {
			limits[rules[i][3]] = r.Below
		}
		if key := strings.Join(rules[i], "\x00"); !seen[key] {
			seen[key] = true
			once = append(once, rules[i])
		}
	}
	conf, err := model.NewModelFromString(mix.CasbinModel)
	must(err)
	e, err := casbin.NewEnforcer(conf)
	must(err)
	e.EnableAutoSave(false)
	e.AddFunction("glob", func(args ...any) (any, error) { return glob(args[0].(string), args[1].(string)), nil })
	e.AddFunction("prefix", func(args ...any) (any, error) {
		return strings.HasPrefix(args[0].(string), args[1].(string)), nil
	})
	e.AddFunction("below", func(args ...any) (any, error) { return args[0].(float64) < limits[args[1].(string)], nil })
	ok, err := e.AddPolicies(once)
	must(err)
	if !ok {
		must(errors.New("casbin refused the rules, " + strconv.Itoa(len(once))))
	}
	return deciding(
		func(agent, tool string, a arguments) []any {
			return []any{agent, mix.Team(agent), tool, a.Path, a.Amount}
		},
		func(input *[]any) bool {
			ok, err := e.Enforce(*input...)
			must(err)
			return ok
		},
	)
}

// glob reports whether name fits a pattern with at most one star.
func glob(name, pattern string) bool {
	head, tail, wild := strings.Cut(pattern, "*")
	return mix.Pattern{Head: head, Tail: tail, Wild: wild}.Match(name)
}
