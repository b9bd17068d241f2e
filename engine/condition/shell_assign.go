package condition

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func (s *shell) assigned(name, value string) error {
	return s.add(name + "=" + value)
}

func (s *shell) assign(n *syntax.Assign) error {
	switch {
	case n.Name != nil && !n.Naked:
		value := ""
		if n.Value != nil {
			value = wordOf(n.Value).text
		}
		return s.assigned(n.Name.Value, value)
	case n.Name == nil && n.Value != nil:
		// export "X=1": the text of a declaration is an assignment too.
		words, err := expandBraces(n.Value)
		if err != nil {
			return err
		}
		return s.declared(words)
	}
	return nil
}

// declared tells of the assignments among the words of export and the like.
func (s *shell) declared(words []word) error {
	for _, w := range words {
		name, _, ok := strings.Cut(w.text, "=")
		switch {
		case strings.HasPrefix(w.text, "-") && strings.Contains(w.text, "n") && w.literal && !ok:
			return fmt.Errorf("a name for another variable (%s)", shortened(w.text))
		case ok && syntax.ValidName(strings.TrimSuffix(name, "+")):
			if err := s.add(w.text); err != nil {
				return err
			}
		case !w.literal || ok:
			return fmt.Errorf("what is declared is known at run time only: %s", shortened(w.text))
		}
	}
	return nil
}

// loop tells of the variable of a for or a select.
func (s *shell) loop(n *syntax.WordIter) error {
	if !n.InPos.IsValid() {
		return s.assigned(n.Name.Value, "$@")
	}
	if len(n.Items) == 0 {
		return s.assigned(n.Name.Value, "")
	}
	for _, item := range n.Items {
		words, err := expandBraces(item)
		if err != nil {
			return err
		}
		for _, w := range words {
			if err := s.assigned(n.Name.Value, w.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// arithmetic tells of x=1 and x++ inside of $((…)) and the like.
func (s *shell) arithmetic(x syntax.ArithmExpr) error {
	var b strings.Builder
	if w, ok := x.(*syntax.Word); ok {
		text := wordOf(w)
		if text.literal && syntax.ValidName(text.text) {
			return s.assigned(text.text, "")
		}
		b.WriteString(text.text)
	}
	return fmt.Errorf("an assignment whose variable cannot be read: %s", shortened(b.String()))
}

func assigns(op syntax.BinAritOperator) bool {
	switch op {
	case syntax.Assgn, syntax.AddAssgn, syntax.SubAssgn, syntax.MulAssgn, syntax.QuoAssgn, syntax.RemAssgn, syntax.AndAssgn, syntax.OrAssgn,
		syntax.XorAssgn, syntax.ShlAssgn, syntax.ShrAssgn, syntax.AndBoolAssgn, syntax.OrBoolAssgn, syntax.XorBoolAssgn, syntax.PowAssgn:
		return true
	}
	return false
}

// parameter tells of ${x:=1}.
func (s *shell) parameter(n *syntax.ParamExp) error {
	if n.Exp == nil || n.Exp.Op != syntax.AssignUnset && n.Exp.Op != syntax.AssignUnsetOrNull {
		return nil
	}
	if n.Param == nil {
		return fmt.Errorf("an assignment whose variable cannot be read")
	}
	value := ""
	if n.Exp.Word != nil {
		value = wordOf(n.Exp.Word).text
	}
	return s.assigned(n.Param.Value, value)
}

// hasExtended finds @(…) and its like: what stands in it is not read.
func hasExtended(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i+1] == '(' && strings.IndexByte("@?*+!", text[i]) >= 0:
			return true
		}
	}
	return false
}
