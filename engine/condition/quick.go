package condition

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// quick parses the plain part of CEL, in a tenth of the time that its grammar
// takes: a policy has thousands of short conditions. It returns nil for whatever
// it is not sure of: arithmetic, escapes in text, maps, comments, mistakes.
// cel-go then reads the text. The tree knows no places.
func quick(src string) ast.Expr {
	q := quickParser{src: src, make: ast.NewExprFactory()}
	e := q.expr(0)
	q.space()
	if e == nil || q.bad || q.at != len(src) {
		return nil
	}
	return e
}

type quickParser struct {
	src  string
	at   int
	id   int64
	bad  bool
	make ast.ExprFactory
}

const quickDepth = 32

func (q *quickParser) next() int64 {
	q.id++
	return q.id
}

func (q *quickParser) give() ast.Expr {
	q.bad = true
	return nil
}

func (q *quickParser) space() {
	for q.at < len(q.src) && strings.IndexByte(" \t\r\n", q.src[q.at]) >= 0 {
		q.at++
	}
}

// take steps over a symbol if it is the next.
func (q *quickParser) take(symbol string) bool {
	q.space()
	if !strings.HasPrefix(q.src[q.at:], symbol) {
		return false
	}
	q.at += len(symbol)
	return true
}

func (q *quickParser) expr(depth int) ast.Expr {
	if depth > quickDepth {
		return q.give()
	}
	e := q.or(depth)
	if q.bad || !q.take("?") {
		return e
	}
	yes := q.or(depth + 1)
	if q.bad || !q.take(":") {
		return q.give()
	}
	no := q.expr(depth + 1)
	if q.bad {
		return nil
	}
	return q.make.NewCall(q.next(), operators.Conditional, e, yes, no)
}

func (q *quickParser) or(depth int) ast.Expr {
	e := q.and(depth)
	for !q.bad && q.take("||") {
		right := q.and(depth)
		if q.bad {
			return nil
		}
		e = q.make.NewCall(q.next(), operators.LogicalOr, e, right)
	}
	return e
}

func (q *quickParser) and(depth int) ast.Expr {
	e := q.relation(depth)
	for !q.bad && q.take("&&") {
		right := q.relation(depth)
		if q.bad {
			return nil
		}
		e = q.make.NewCall(q.next(), operators.LogicalAnd, e, right)
	}
	return e
}

var relations = []struct{ symbol, function string }{
	{"==", operators.Equals}, {"!=", operators.NotEquals}, {"<=", operators.LessEquals},
	{">=", operators.GreaterEquals}, {"<", operators.Less}, {">", operators.Greater},
}

// relation takes one comparison: nobody writes a < b < c and means it.
func (q *quickParser) relation(depth int) ast.Expr {
	e := q.unary(depth)
	if q.bad {
		return nil
	}
	function := ""
	for _, r := range relations {
		if q.take(r.symbol) {
			function = r.function
			break
		}
	}
	if function == "" {
		if rest := q.src[q.at:]; len(rest) < 3 || rest[:2] != "in" || isLetter(rest[2]) {
			return e
		}
		q.at += 2
		function = operators.In
	}
	right := q.unary(depth)
	if q.bad {
		return nil
	}
	return q.make.NewCall(q.next(), function, e, right)
}

func (q *quickParser) unary(depth int) ast.Expr {
	if depth > quickDepth {
		return q.give()
	}
	if q.take("!") {
		e := q.unary(depth + 1)
		if q.bad {
			return nil
		}
		return q.make.NewCall(q.next(), operators.LogicalNot, e)
	}
	e := q.primary(depth + 1)
	for !q.bad {
		switch {
		case q.take("."):
			e = q.member(e, depth)
		case q.take("["):
			i := q.expr(depth + 1)
			if q.bad || !q.take("]") {
				return q.give()
			}
			e = q.make.NewCall(q.next(), operators.Index, e, i)
		default:
			return e
		}
	}
	return nil
}

// otherMacros are left to cel-go.
var otherMacros = []string{"map", "filter", "existsOne"}

func (q *quickParser) member(target ast.Expr, depth int) ast.Expr {
	name := q.name()
	if q.bad {
		return nil
	}
	if !q.take("(") {
		return q.make.NewSelect(q.next(), target, name)
	}
	args := q.list(")", depth)
	switch {
	case q.bad || slices.Contains(otherMacros, name):
		return q.give()
	case len(args) == 2 && (name == "all" || name == "exists" || name == "exists_one"):
		return q.loop(target, name, args[0], args[1])
	}
	return q.make.NewMemberCall(q.next(), name, target, args...)
}

const accu = "@result"

func (q *quickParser) loop(over ast.Expr, macro string, variable, test ast.Expr) ast.Expr {
	if variable.Kind() != ast.IdentKind {
		return q.give()
	}
	f := q.make
	result := func() ast.Expr { return f.NewIdent(q.next(), accu) }
	truth := func(b bool) ast.Expr { return f.NewLiteral(q.next(), types.Bool(b)) }
	number := func(n int) ast.Expr { return f.NewLiteral(q.next(), types.Int(n)) }
	var init, step, out ast.Expr
	switch macro {
	case "all":
		init, step, out = truth(true), f.NewCall(q.next(), operators.LogicalAnd, result(), test), result()
	case "exists":
		init, step, out = truth(false), f.NewCall(q.next(), operators.LogicalOr, result(), test), result()
	default:
		more := f.NewCall(q.next(), operators.Add, result(), number(1))
		init, step = number(0), f.NewCall(q.next(), operators.Conditional, test, more, result())
		out = f.NewCall(q.next(), operators.Equals, result(), number(1))
	}
	return f.NewComprehension(q.next(), over, variable.AsIdent(), accu, init, truth(true), step, out)
}

// list takes expressions up to the closing symbol.
func (q *quickParser) list(end string, depth int) []ast.Expr {
	if q.take(end) {
		return nil
	}
	var out []ast.Expr
	for {
		e := q.expr(depth + 1)
		if q.bad {
			return nil
		}
		out = append(out, e)
		if q.take(end) {
			return out
		}
		if !q.take(",") {
			q.bad = true
			return nil
		}
	}
}

func (q *quickParser) primary(depth int) ast.Expr {
	q.space()
	if q.at >= len(q.src) {
		return q.give()
	}
	switch c := q.src[q.at]; {
	case c == '(':
		q.at++
		e := q.expr(depth)
		if q.bad || !q.take(")") {
			return q.give()
		}
		return e
	case c == '[':
		q.at++
		items := q.list("]", depth)
		if q.bad {
			return nil
		}
		return q.make.NewList(q.next(), items, nil)
	case c == '"' || c == '\'':
		return q.text(c)
	case c == '-' || '0' <= c && c <= '9':
		return q.number()
	}
	name := q.name()
	switch {
	case q.bad:
		return nil
	case name == "true" || name == "false":
		return q.make.NewLiteral(q.next(), types.Bool(name == "true"))
	case name == "null":
		return q.make.NewLiteral(q.next(), types.NullValue)
	case q.at < len(q.src) && (q.src[q.at] == '"' || q.src[q.at] == '\''):
		return q.give() // r"…"
	case !q.take("("):
		return q.make.NewIdent(q.next(), name)
	}
	args := q.list(")", depth)
	if q.bad {
		return nil
	}
	if name != "has" {
		return q.make.NewCall(q.next(), name, args...)
	}
	if len(args) != 1 || args[0].Kind() != ast.SelectKind || args[0].AsSelect().IsTestOnly() {
		return q.give()
	}
	s := args[0].AsSelect()
	return q.make.NewPresenceTest(q.next(), s.Operand(), s.FieldName())
}

// text takes text without escapes.
func (q *quickParser) text(quote byte) ast.Expr {
	rest := q.src[q.at+1:]
	n := strings.IndexByte(rest, quote)
	if n < 0 || strings.ContainsAny(rest[:n], "\\\n\r") || n == 0 && len(rest) > 1 && rest[1] == quote {
		return q.give()
	}
	q.at += n + 2
	return q.make.NewLiteral(q.next(), types.String(rest[:n]))
}

func (q *quickParser) number() ast.Expr {
	begin := q.at
	if q.src[q.at] == '-' {
		q.at++
	}
	whole := q.digits()
	point := whole && q.at < len(q.src) && q.src[q.at] == '.'
	if point {
		q.at++
		whole = q.digits()
	}
	if !whole || q.at < len(q.src) && (isLetter(q.src[q.at]) || q.src[q.at] == '.') {
		return q.give()
	}
	s := q.src[begin:q.at]
	if point {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return q.give()
		}
		return q.make.NewLiteral(q.next(), types.Double(f))
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return q.give()
	}
	return q.make.NewLiteral(q.next(), types.Int(n))
}

func (q *quickParser) digits() bool {
	begin := q.at
	for q.at < len(q.src) && '0' <= q.src[q.at] && q.src[q.at] <= '9' {
		q.at++
	}
	return q.at > begin
}

// isLetter reports whether c may stand in a name.
func isLetter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_'
}

// reserved may be no names in CEL.
var reserved = []string{"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "package", "namespace", "return", "var", "void", "while"}

func (q *quickParser) name() string {
	q.space()
	begin := q.at
	for q.at < len(q.src) && isLetter(q.src[q.at]) {
		q.at++
	}
	name := q.src[begin:q.at]
	if name == "" || '0' <= name[0] && name[0] <= '9' || slices.Contains(reserved, name) {
		q.bad = true
	}
	return name
}
