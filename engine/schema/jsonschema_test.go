package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/schema"
)

func TestFromJSONSchemaIsNeverWrongOnlyWider(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		schema string
		want   string // in short form
		fits   []string
		not    []string
	}{
		"a tool's arguments": {
			`{"type":"object","properties":{"path":{"type":"string","minLength":1},"n":{"type":"integer"}},"required":["path"],"additionalProperties":false}`,
			`{n: optional(int), path: string}`, []string{`{"path":"x"}`, `{"n":1,"path":""}`}, []string{`{}`, `{"path":1}`, `{"path":"x","q":1}`},
		},
		"more members are let through unless it says no": {
			`{"type":"object","properties":{"a":{"type":"string"}}}`, `{a: optional(string), …}`, []string{`{"b":1}`}, []string{`{"a":1}`},
		},
		"also when they have a type, which is not kept": {
			`{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"string"}}`, `{a: optional(any), …}`, []string{`{"b":1}`}, nil,
		},
		"a name may fit a pattern": {
			`{"type":"object","patternProperties":{"^x":{}},"additionalProperties":false}`, `map`, []string{`{"x1":1}`}, []string{`[]`},
		},
		"free members":          {`{"type":"object","additionalProperties":{"type":"integer"}}`, `map(int)`, []string{`{"a":1}`}, []string{`{"a":"x"}`}},
		"no members":            {`{"type":"object","additionalProperties":false}`, `{}`, []string{`{}`}, []string{`{"a":1}`}},
		"an object of anything": {`{"type":"object"}`, `map`, []string{`{"a":1}`}, []string{`[]`}},
		"null is no answer to additionalProperties": {`{"type":"object","properties":{"a":{}},"additionalProperties":null}`, `{a: optional(any), …}`, nil, nil},
		"nothing said":                       {`{}`, `any`, []string{`{}`}, nil},
		"properties without type":            {`{"properties":{"a":{"type":"string"}}}`, `{a: optional(string), …}`, nil, []string{`{"a":1}`}},
		"but inside it may be anything":      {`{"properties":{"a":{"properties":{"b":{"type":"string"}}}}}`, `{a: optional(any), …}`, []string{`{"a":1}`}, nil},
		"required alone":                     {`{"type":"object","required":["a"]}`, `{a: any, …}`, []string{`{"a":null}`}, []string{`{}`}},
		"lists":                              {`{"type":"object","properties":{"a":{"type":"array","items":{"type":"number"}},"b":{"type":"array"},"c":{"type":"array","items":[{"type":"string"}]}},"additionalProperties":false}`, `{a: optional(list(double)), b: optional(list), c: optional(list)}`, []string{`{"a":[1,2.5],"b":[null],"c":[1]}`}, []string{`{"a":["x"]}`, `{"b":1}`}},
		"nullable":                           {`{"properties":{"a":{"type":["string","null"]},"b":{"type":["null","integer","number"]},"c":{"type":"string","nullable":true}}}`, `{a: optional(nullable(string)), b: optional(nullable(double)), c: optional(nullable(string)), …}`, []string{`{"a":null,"b":null,"c":null}`}, nil},
		"several types":                      {`{"properties":{"a":{"type":["string","integer"]},"b":{"type":"null"},"c":{"type":"file"},"d":{"type":["file","string"]}}}`, `{a: optional(any), b: optional(any), c: optional(any), d: optional(any), …}`, nil, nil},
		"enum with a type":                   {`{"properties":{"a":{"type":"string","enum":["b","a","b","x y"]}}}`, `{a: optional(enum(a, b, "x y")), …}`, []string{`{"a":"x y"}`}, []string{`{"a":"c"}`, `{"a":null}`}},
		"enum of texts":                      {`{"properties":{"a":{"enum":["a",null]}}}`, `{a: optional(nullable(enum(a))), …}`, []string{`{"a":null}`}, []string{`{"a":1}`}},
		"enum of anything":                   {`{"properties":{"a":{"enum":[1.0,"1",[1, 2],null]}}}`, `{a: optional(enum("1", 1, [1,2], null)), …}`, []string{`{"a":1}`, `{"a":[1,2]}`, `{"a":null}`}, []string{`{"a":2}`}},
		"enum of null and a type":            {`{"properties":{"a":{"type":["string","null"],"enum":["a",null]},"b":{"type":["string","null"],"enum":["a"]}}}`, `{a: optional(nullable(enum(a))), b: optional(enum(a)), …}`, []string{`{"a":null}`}, []string{`{"b":null}`}},
		"const":                              {`{"properties":{"a":{"const":7}}}`, `{a: optional(enum(7)), …}`, []string{`{"a":7.0}`}, []string{`{"a":"7"}`}},
		"references":                         {`{"properties":{"a":{"$ref":"#/$defs/x","type":"string"}},"$defs":{"x":{}}}`, `{a: optional(any), …}`, []string{`{"a":1}`}, nil},
		"one type or null":                   {`{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},"b":{"oneOf":[{"type":"null"},{"type":"array","items":{"type":"string"}}]}}}`, `{a: optional(nullable(string)), b: optional(nullable(list(string))), …}`, []string{`{"a":null}`}, []string{`{"a":1}`}},
		"choices":                            {`{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}`, `{a: optional(any), …}`, nil, nil},
		"malformed parts":                    {`{"type":"object","properties":7,"required":true}`, `map`, []string{`{"a":1}`}, nil},
		"a property of true":                 {`{"properties":{"a":true,"b":false,"c":"x"}}`, `{a: optional(any), b: optional(any), c: optional(any), …}`, nil, nil},
		"other spellings are other keywords": {`{"Type":"string","Properties":{"a":{}}}`, `any`, []string{`{}`}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ, err := schema.FromJSONSchema(json.RawMessage(c.schema))
			require.NoError(t, err)
			require.Equal(t, c.want, typ.String())
			for _, args := range c.fits {
				require.NoError(t, typ.Check(canonicalAny(t, args)), args)
			}
			for _, args := range c.not {
				require.Error(t, typ.Check(canonicalAny(t, args)), args)
			}
		})
	}
	for _, raw := range []string{``, `null`, `[]`, `"x"`, `{"type":"object","type":"string"}`, `{`} {
		_, err := schema.FromJSONSchema(json.RawMessage(raw))
		require.Error(t, err, raw)
	}
}

func canonicalAny(t *testing.T, args string) []byte {
	if args[0] != '{' {
		return []byte(args)
	}
	return canonical(t, args)
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
