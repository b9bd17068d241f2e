package source_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/source"
)

type common struct {
	Scope call.Scope `yaml:"scope"`
}

type item struct {
	At     source.Node
	common `yaml:",inline"`
	Name   string             `yaml:"name"`
	Big    int64              `yaml:"big"`
	Small  uint8              `yaml:"small"`
	Ratio  float64            `yaml:"ratio"`
	On     bool               `yaml:"on"`
	Pause  time.Duration      `yaml:"pause"`
	Tags   []string           `yaml:"tags"`
	Note   *string            `yaml:"note"`
	Raw    json.RawMessage    `yaml:"raw"`
	Rest   source.Node        `yaml:"rest"`
	When   source.Unsupported `yaml:"when"`
}

type document struct {
	At    source.Node
	Items map[string]item `yaml:"items"`
	List  []item          `yaml:"list"`
	Guest struct {
		_    source.Open
		Name string `yaml:"name"`
	} `yaml:"guest"`
}

func problems(t *testing.T, name, src string) (document, string) {
	t.Helper()
	var d document
	err := source.Decode(name, []byte(src), &d)
	if err == nil {
		return d, ""
	}
	_, ok := errors.AsType[source.Problems](err)
	require.True(t, ok, "%T", err)
	return d, err.Error()
}

func TestDecodeReadsEveryKindOfField(t *testing.T) {
	t.Parallel()
	const yamlText = `
items:
  a: {scope: write, name: x, big: 9223372036854775807, small: 255, ratio: 0.5, on: true,
      pause: 1m30s, tags: [orders/{order_id}, b], note: null, raw: {z: [1, 1.50, null, "é"], a: 0x1f}}
guest: {name: n, whatever: 1}
`
	const jsonText = `{
	"items": {"a": {"scope": "write", "name": "x", "big": 9223372036854775807, "small": 255, "ratio": 0.5, "on": true,
		"pause": "1m30s", "tags": ["orders/{order_id}", "b"], "note": null, "raw": {"z": [1, 1.50, null, "\u00e9"], "a": 31}}},
	"guest": {"name": "n", "whatever": 1}}`
	for name, src := range map[string]string{"x.yaml": yamlText, "x.json": jsonText, "-": jsonText} {
		d, told := problems(t, name, src)
		require.Empty(t, told)
		a := d.Items["a"]
		require.Equal(t, call.Write, a.Scope)
		require.Equal(t, int64(9223372036854775807), a.Big)
		require.Equal(t, uint8(255), a.Small)
		require.Equal(t, 90*time.Second, a.Pause)
		require.Equal(t, []string{"orders/{order_id}", "b"}, a.Tags)
		require.Nil(t, a.Note)
		require.JSONEq(t, `{"z":[1,1.50,null,"é"],"a":31}`, string(a.Raw))
		require.True(t, strings.HasPrefix(string(a.Raw), `{"z":[1,1.50,null`), "order and digits are kept: %s", a.Raw)
		require.Equal(t, "items.a", a.At.Path())
		require.True(t, a.On)
	}
}

func TestDecodeTellsEveryMistakeWithItsPlace(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ name, src, want string }{
		"all problems at once, in order": {"p.yaml", "items:\n  a:\n    nam: x\n    scope: raed\n    big: 99999999999999999999\n    name: 5\nlst: 1\n", `
p.yaml:3:5: items.a.nam: unknown field; did you mean "name"?
p.yaml:4:12: items.a.scope: scope "raed" is none of read, write, execute
p.yaml:5:10: items.a.big: found the number 99999999999999999999, want a whole number from -9223372036854775808 to 9223372036854775807
p.yaml:6:11: items.a.name: found the number 5, want text; write "5" in quotes if text is meant
p.yaml:7:1: lst: unknown field; did you mean "list"?`},
		"a field of a later version is not a misspelled one": {"p.yaml", "list:\n- {when: x}\n- {whenn: x}\n", `
p.yaml:2:10: list[0].when: not supported by this version; leave it out only if the rest is right without it
p.yaml:3:4: list[1].whenn: unknown field; did you mean "when"? (not supported by this version)`},
		"keys that are not text": {"p.yaml", "items:\n  5: {}\n  \"5\": {}\n", `
p.yaml:2:3: items.5: found the number 5, want text; write "5" in quotes if text is meant`},
		"wrong kinds": {"p.yaml", "items: [1]\nlist: {}\nguest: text\n", `
p.yaml:1:8: items: found a list, want a mapping
p.yaml:2:7: list: found a mapping, want a list
p.yaml:3:8: guest: found the text "text", want a mapping`},
		"wrong scalars": {"p.yaml", "list:\n- {on: yes, small: 256, ratio: .inf, pause: 3, tags: , name: [a]}\n- {on: !!bool x, small: -1, big: 017, raw: .nan}\n", `
p.yaml:2:8: list[0].on: found the text "yes", want true or false
p.yaml:2:20: list[0].small: found the number 256, want a whole number from 0 to 255
p.yaml:2:32: list[0].ratio: found the number .inf, want a number
p.yaml:2:45: list[0].pause: found the number 3, want a duration; write it like 250ms, 30s or 1h30m
p.yaml:2:54: list[0].tags: found nothing, want a list
p.yaml:2:62: list[0].name: found a list, want text
p.yaml:3:8: list[1].on: found x, want true or false
p.yaml:3:25: list[1].small: found the number -1, want a whole number from 0 to 255
p.yaml:3:34: list[1].big: found the number 017, want a whole number from -9223372036854775808 to 9223372036854775807
p.yaml:3:44: list[1].raw: found the number .nan, want a number that JSON can write`},
		"duplicate keys": {"p.yaml", "items:\n  a: {}\n  \"a\": {}\nguest: {x: 1, x: 2}\n", `
p.yaml:3:3: items.a: duplicate key; it stands in line 2 already
p.yaml:4:15: guest.x: duplicate key; it stands in line 4 already`},
		"duplicate keys in JSON": {"p.json", "{\n\t\"items\": {},\n\t\"items\": {}\n}", `
p.json:3:2: items: duplicate key; it stands in line 2 already`},
		"keys that are not words, merge keys": {"p.yaml", "guest: &g {name: x}\nitems:\n  ? [1]\n  : {}\n  b: {<<: *g}\n", `
p.yaml:3:5: items: a key must be a single word, found a list
p.yaml:5:7: items.b.<<: merge keys are not supported; write the fields out`},
		"an alias in itself":  {"p.yaml", "items: &a\n  b: *a\n", "\np.yaml:2:6: the alias stands inside what it repeats; write the value out"},
		"a second document":   {"p.yaml", "items: {}\n---\nlist: []\n", "\np.yaml:3:1: a second document begins here; keep one document per file"},
		"empty":               {"p.yaml", "# nothing\n", "\np.yaml:1:1: the document is empty"},
		"not UTF-8":           {"p.yaml", "a: é\nb: \xff\n", "\np.yaml:2:4: not UTF-8 text"},
		"tab":                 {"p.yaml", "items:\n  a:\n\tname: x\n", "\np.yaml:3:1: not valid YAML: found character that cannot start any token; indent with spaces, not with a tab"},
		"bad indentation":     {"p.yaml", "list:\n- name: x\nguest:\n  name: y\n big: 1\n", "\np.yaml:5:2: not valid YAML: did not find expected key"},
		"colon in plain text": {"p.yaml", "guest:\n  name: a: b\n", "\np.yaml:2:3: not valid YAML: mapping values are not allowed in this context; text that holds \": \" needs quotes"},
		"star without quotes": {"p.yaml", "guest: {}\nlist: [*]\n", "\np.yaml:2:8: not valid YAML: did not find expected alphabetic or numeric character; text that begins with \"*\" needs quotes"},
		"JSON syntax":         {"p.json", "{\n  \"items\": {},\n  \"list\" []\n}", "\np.json:3:10: not valid JSON: invalid character '[' after object name (expecting ':')"},
		"JSON, cut":           {"p.json", "{\"items\": ", "\np.json:1:11: not valid JSON: unexpected EOF"},
		"JSON, more":          {"p.json", "{} {}", "\np.json:1:4: not valid JSON: more text after the end of the document"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, told := problems(t, c.name, c.src)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), told)
		})
	}
}

func TestDecodeBoundsWhatADocumentMayCost(t *testing.T) {
	t.Parallel()
	_, told := problems(t, "big.yaml", strings.Repeat("#", source.MaxBytes+1))
	require.Contains(t, told, "more than the limit")

	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		l, n := string(rune('0'+i)), string(rune('1'+i))
		bomb += "a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat("*a"+l+", ", 10), ", ") + "]\n"
	}
	start := time.Now()
	_, told = problems(t, "bomb.yaml", bomb)
	require.Contains(t, told, "aliases repeat more than")
	require.Less(t, time.Since(start), 5*time.Second)

	d, told := problems(t, "alias.yaml", "guest: {x: &t [a, b]}\nlist: [{tags: *t}, {tags: *t}]\n")
	require.Empty(t, told, "plain aliases are fine")
	require.Equal(t, []string{"a", "b"}, d.List[1].Tags)
}

func TestNodeTellsSemanticMistakesWithTheirPlace(t *testing.T) {
	t.Parallel()
	d, told := problems(t, "p.yaml", "list:\n- name: a\n  rest: {k: [1, {name: b}]}\n- {name: c}\n")
	require.Empty(t, told)

	var ps source.Problems
	ps.Add(d.List[1].At.In("tags", "missing", "name one"))
	ps.Add(d.List[0].At.In("name", "taken", ""))
	ps.Add(nil)
	require.EqualError(t, ps.Err(), "p.yaml:2:9: list[0].name: taken\np.yaml:4:3: list[1].tags: missing; name one")

	require.True(t, d.List[0].At.Has("rest"))
	require.True(t, d.List[1].Rest.IsZero())
	require.NoError(t, d.List[1].Rest.Decode(&item{}), "a place that is absent decodes to nothing")
	for key, value := range d.List[0].Rest.Members() {
		require.Equal(t, "k", key.Text())
		for i, el := range value.Items() {
			if i == 1 {
				var it item
				require.NoError(t, el.Decode(&it))
				require.Equal(t, "b", it.Name)
				require.Equal(t, "list[0].rest.k[1]", it.At.Path())
				require.EqualError(t, el.Problem("no", ""), "p.yaml:3:17: list[0].rest.k[1]: no")
				continue
			}
			require.ErrorContains(t, el.Decode(&item{}), "p.yaml:3:14: list[0].rest.k[0]: found the number 1, want a mapping")
		}
	}
}

func TestNearestFindsWhatWasMeant(t *testing.T) {
	t.Parallel()
	names := []string{"effect", "agents", "tools", "reason", "id"}
	for typed, want := range map[string]string{
		"efect": "effect", "Effect": "effect", "effcet": "effect", "agent": "agents", "toosl": "tools",
		"raeson": "reason", "ib": "id", "xy": "", "when": "", "": "", strings.Repeat("a", 100): "",
	} {
		got, ok := source.Nearest(typed, names)
		require.Equal(t, want, got, typed)
		require.Equal(t, want != "", ok)
	}
	require.Equal(t, `did you mean "effect"?`, source.DidYouMean("efect", names))
}

func FuzzDecodeNeverPanicsAndPlacesEveryProblem(f *testing.F) {
	for _, s := range []string{"items: {a: {name: x}}", "{\"list\": [{\"big\": 1}]}", "a: &a [*a]", "x: !!bool \"\"\n", "- a\n-\tb", "list: [orders/{x}]", "? a\n: b", "%YAML 1.1\n---\na"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var d document
		err := source.Decode("f.yaml", src, &d)
		if err == nil {
			return
		}
		ps, ok := errors.AsType[source.Problems](err)
		require.True(t, ok)
		require.NotEmpty(t, ps)
		for _, p := range ps {
			require.Positive(t, p.Line, p)
			require.Positive(t, p.Col, p)
			require.NotEmpty(t, p.Msg)
		}
	})
}
