package policy

import (
	"time"

	"m1/engine/call"
	"m1/engine/source"
)

// The file as it is written. What the language has and this version does not
// read is listed, so that it is refused as such and never ignored.

type file struct {
	At       source.Node
	Version  source.Node          `yaml:"version"`
	Defaults fileDefaults         `yaml:"defaults"`
	Lists    map[string][]string  `yaml:"lists"`
	Agents   map[string]fileAgent `yaml:"agents"`
	Tools    source.Node          `yaml:"tools"`
	Limits   fileLimits           `yaml:"limits"`
	Rules    []fileRule           `yaml:"rules"`
	Tests    []fileTest           `yaml:"tests"`

	Budgets   source.Unsupported `yaml:"budgets"`
	Approvals source.Unsupported `yaml:"approvals"`
	Cache     source.Unsupported `yaml:"cache"`
}

type fileDefaults struct {
	At          source.Node
	Decision    call.Effect  `yaml:"decision"`
	OnError     call.Effect  `yaml:"on_error"`
	UnknownTool *call.Effect `yaml:"unknown_tool"`
	Mode        source.Node  `yaml:"mode"`
	Ask         fileAsk      `yaml:"ask"`
}

type fileAsk struct {
	At        source.Node
	TTL       time.Duration `yaml:"ttl"`
	OnTimeout call.Effect   `yaml:"on_timeout"`
	Bind      source.Node   `yaml:"bind"`
}

type fileAgent struct {
	At       source.Node
	Match    []string   `yaml:"match"`
	MaxScope call.Scope `yaml:"max_scope"`

	Budget source.Unsupported `yaml:"budget"`
	Limit  source.Unsupported `yaml:"limit"`
}

type fileLimits struct {
	At           source.Node
	MaxToolCalls int64         `yaml:"max_tool_calls"`
	MaxSteps     int64         `yaml:"max_steps"`
	MaxRuntime   time.Duration `yaml:"max_runtime"`
	Loop         fileLoop      `yaml:"loop"`
}

type fileLoop struct {
	At     source.Node
	Streak int          `yaml:"streak"`
	Effect *call.Effect `yaml:"effect"`
}

type fileRule struct {
	At        source.Node
	ID        string        `yaml:"id"`
	Effect    call.Effect   `yaml:"effect"`
	Agents    []string      `yaml:"agents"`
	Tools     []string      `yaml:"tools"`
	Reason    string        `yaml:"reason"`
	When      source.Node   `yaml:"when"`
	Limit     source.Node   `yaml:"limit"`
	Total     *fileTotal    `yaml:"total"`
	Requires  *filePast     `yaml:"requires"`
	After     *filePast     `yaml:"after"`
	Repeated  *fileRepeated `yaml:"repeated"`
	Expires   source.Node   `yaml:"expires"`
	Mode      source.Node   `yaml:"mode"`
	Approvers []string      `yaml:"approvers"`
	Approvals int           `yaml:"approvals"`
	Grant     *fileGrant    `yaml:"grant"`

	Budget source.Unsupported `yaml:"budget"`
	Cache  source.Unsupported `yaml:"cache"`
	Args   source.Unsupported `yaml:"args"`
	Cost   source.Unsupported `yaml:"cost"`
}

type fileRate struct {
	At  source.Node
	N   int         `yaml:"n"`
	Per source.Node `yaml:"per"`
	Key source.Node `yaml:"key"`
}

type fileTotal struct {
	At  source.Node
	Of  source.Node `yaml:"of"`
	Max float64     `yaml:"max"`
	Per source.Node `yaml:"per"`
	Key source.Node `yaml:"key"`
}

type filePast struct {
	At       source.Node
	Tool     string        `yaml:"tool"`
	Matching source.Node   `yaml:"matching"`
	Outcome  source.Node   `yaml:"outcome"`
	Within   time.Duration `yaml:"within"`
}

type fileRepeated struct {
	At     source.Node
	Same   source.Node   `yaml:"same"`
	Times  int           `yaml:"times"`
	Within time.Duration `yaml:"within"`
}

type fileGrant struct {
	At   source.Node
	Max  time.Duration `yaml:"max"`
	Uses int           `yaml:"uses"`
}

type fileTest struct {
	At    source.Node
	Agent string      `yaml:"agent"`
	Run   string      `yaml:"run"`
	Call  string      `yaml:"call"`
	Args  source.Node `yaml:"args"`
	Want  call.Effect `yaml:"want"`
	Rule  string      `yaml:"rule"`
	After []fileCall  `yaml:"after"`
}

type fileCall struct {
	At      source.Node
	Call    string      `yaml:"call"`
	Args    source.Node `yaml:"args"`
	Outcome source.Node `yaml:"outcome"`
}
