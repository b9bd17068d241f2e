package policy

import (
	"m1/engine/call"
	"m1/engine/source"
)

// The file as it is written. What the language has and this version does not
// read is listed, so that it is refused as such and never ignored.

type file struct {
	At       source.Node
	Version  source.Node          `yaml:"version"`
	Defaults fileDefaults         `yaml:"defaults"`
	Agents   map[string]fileAgent `yaml:"agents"`
	Tools    source.Node          `yaml:"tools"`
	Rules    []fileRule           `yaml:"rules"`

	Lists     source.Unsupported `yaml:"lists"`
	Limits    source.Unsupported `yaml:"limits"`
	Budgets   source.Unsupported `yaml:"budgets"`
	Approvals source.Unsupported `yaml:"approvals"`
	Cache     source.Unsupported `yaml:"cache"`
	Tests     source.Unsupported `yaml:"tests"`
}

type fileDefaults struct {
	At          source.Node
	Decision    call.Effect  `yaml:"decision"`
	UnknownTool *call.Effect `yaml:"unknown_tool"`
	Mode        source.Node  `yaml:"mode"`

	OnError source.Unsupported `yaml:"on_error"`
	Ask     source.Unsupported `yaml:"ask"`
}

type fileAgent struct {
	At       source.Node
	Match    []string   `yaml:"match"`
	MaxScope call.Scope `yaml:"max_scope"`

	Budget source.Unsupported `yaml:"budget"`
	Limit  source.Unsupported `yaml:"limit"`
}

type fileRule struct {
	At     source.Node
	ID     string      `yaml:"id"`
	Effect call.Effect `yaml:"effect"`
	Agents []string    `yaml:"agents"`
	Tools  []string    `yaml:"tools"`
	Reason string      `yaml:"reason"`

	When      source.Unsupported `yaml:"when"`
	Limit     source.Unsupported `yaml:"limit"`
	Total     source.Unsupported `yaml:"total"`
	Requires  source.Unsupported `yaml:"requires"`
	After     source.Unsupported `yaml:"after"`
	Repeated  source.Unsupported `yaml:"repeated"`
	Expires   source.Unsupported `yaml:"expires"`
	Approvers source.Unsupported `yaml:"approvers"`
	Approvals source.Unsupported `yaml:"approvals"`
	Grant     source.Unsupported `yaml:"grant"`
	Mode      source.Unsupported `yaml:"mode"`
	Budget    source.Unsupported `yaml:"budget"`
	Cache     source.Unsupported `yaml:"cache"`
	Args      source.Unsupported `yaml:"args"`
	Cost      source.Unsupported `yaml:"cost"`
}
