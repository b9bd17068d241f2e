package snapshot

import (
	"encoding/json"
	"time"

	"m1/engine/call"
)

// The states of an Approval.
const (
	Pending  = "pending"
	Approved = "approved"
	Rejected = "rejected"
	Expired  = "expired" // nobody answered in time: the answer is no
)

// Approval is a question to a person, open or answered.
type Approval struct {
	ID         string          `json:"id"` // "ap_…"
	Status     string          `json:"status"`
	Agent      call.AgentID    `json:"agent"`
	AgentType  string          `json:"agent_type,omitempty"`
	Run        call.RunID      `json:"run_id,omitempty"`
	Call       call.ID         `json:"call_id"` // the first call that asked
	Tool       string          `json:"tool_name"`
	Scope      call.Scope      `json:"scope"`
	Args       json.RawMessage `json:"tool_input"` // canonical and whole: exactly what would run
	ArgsSHA256 string          `json:"args_sha256"`
	Schema     string          `json:"schema_sha256"` // of the tool's entry in the catalogue
	Rule       string          `json:"rule_id"`
	Reason     string          `json:"reason"`
	Version    string          `json:"policy_version"`
	Approvers  []string        `json:"approvers"`        // names or groups of operators who may answer; empty: every operator
	Needed     int             `json:"approvals_needed"` // how many different people
	Votes      []Vote          `json:"votes"`
	Asked      int             `json:"times_asked"` // how often this very question came while it was open
	MaxTTLS    int64           `json:"max_ttl_s"`   // the most that a grant from it may open
	MaxUses    int             `json:"max_uses"`
	AskedAt    time.Time       `json:"asked_at"`
	ExpiresAt  time.Time       `json:"expires_at"`
	AnsweredAt *time.Time      `json:"answered_at,omitempty"`
	By         string          `json:"answered_by,omitempty"`
	Note       string          `json:"answer_reason,omitempty"` // what the person wrote; it reaches the agent
	GrantID    string          `json:"grant_id,omitempty"`
	Grant      string          `json:"grant,omitempty"` // the signed token; only the agent that asked is shown it
}

// Vote is one person's answer.
type Vote struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Approve bool      `json:"approve"`
	Note    string    `json:"reason,omitempty"`
}

// Grant is a signed permission as operators see it: never the token itself.
type Grant struct {
	ID        string          `json:"jti"`
	Agent     call.AgentID    `json:"agent"`
	Run       call.RunID      `json:"run_id,omitempty"` // empty: any run
	Tool      string          `json:"tool"`
	Scope     call.Scope      `json:"scope"`                 // the most that the call may reach
	Args      string          `json:"args_sha256,omitempty"` // empty: not these exact arguments
	Narrow    json.RawMessage `json:"args,omitempty"`        // members that the arguments must have with these values
	Schema    string          `json:"schema_sha256"`
	Rule      string          `json:"rule_id,omitempty"`
	Version   string          `json:"policy_version"`
	Uses      int             `json:"uses"`
	Used      int             `json:"used"`
	By        string          `json:"issued_by"`
	Approval  string          `json:"approval_id,omitempty"`
	Node      string          `json:"issuer"`
	IssuedAt  time.Time       `json:"issued_at"`
	ExpiresAt time.Time       `json:"expires_at"`
	RevokedAt *time.Time      `json:"revoked_at,omitempty"`
}

// PolicyVersion is one policy that decided, or that was refused.
type PolicyVersion struct {
	Version  string    `json:"version"`
	Name     string    `json:"name"`
	LoadedAt time.Time `json:"loaded_at"`
	By       string    `json:"loaded_by"` // "start", "file", "signal", or the operator
	Comment  string    `json:"comment,omitempty"`
	Rules    int       `json:"rules"`
	Live     bool      `json:"live"`
}

// PolicyFailure is the newest try to load a policy that failed: the one before it
// goes on deciding.
type PolicyFailure struct {
	At       time.Time `json:"at"`
	By       string    `json:"loaded_by"`
	Name     string    `json:"name"`
	Problems []string  `json:"problems"`
}

// Explanation says how a decision comes about: everything that was looked at.
type Explanation struct {
	Effect      call.Effect     `json:"decision"`
	Rule        string          `json:"rule_id"`
	Reason      string          `json:"reason"`
	Version     string          `json:"policy_version"`
	Agent       call.AgentID    `json:"agent"`
	Entry       string          `json:"agent_entry,omitempty"` // the entry under agents whose max_scope holds
	MaxScope    call.Scope      `json:"max_scope,omitempty"`
	Tool        string          `json:"tool_name"`
	Known       bool            `json:"tool_known"`
	Scope       call.Scope      `json:"scope"`
	Args        json.RawMessage `json:"tool_input"`
	Observe     bool            `json:"observe,omitempty"`
	Candidates  []Candidate     `json:"rules"` // every rule whose patterns match, the strongest first
	NearestMiss string          `json:"nearest_miss,omitempty"`
	ForPerson   string          `json:"for_person"`
	ForModel    string          `json:"for_model"` // the one rule and what to do instead, no more
	TookUS      float64         `json:"took_us"`
}

// Candidate is one rule that names the agent and the tool.
type Candidate struct {
	Rule     string      `json:"rule_id"`
	Effect   call.Effect `json:"effect"`
	Shadow   bool        `json:"shadow,omitempty"` // counted, never decides
	Line     int         `json:"line"`             // in the policy's file
	Agents   string      `json:"agents"`           // the pattern that matched
	Tools    string      `json:"tools"`
	Matched  bool        `json:"matched"`
	Decides  bool        `json:"decides,omitempty"`
	Why      string      `json:"why"` // what made it match or not, in words
	When     string      `json:"when,omitempty"`
	Terms    []Term      `json:"conditions,omitempty"` // the parts of when
	Counters []Counter   `json:"counters,omitempty"`
}

// Term is one part of a condition and what it came to.
type Term struct {
	Text   string `json:"text"`
	Value  string `json:"value"`            // "true", "false", or "error: …"
	Inputs string `json:"inputs,omitempty"` // what it looked at: "args.amount = 250"
}

// Counter is the state of a limit, a total or a piece of history.
type Counter struct {
	Text  string  `json:"text"` // "at most 120 in 1m0s per agent"
	Used  float64 `json:"used"`
	Max   float64 `json:"max"`
	Holds bool    `json:"holds"`
	Retry string  `json:"retry_after,omitempty"`
}

// PolicyDiff is what another policy would change.
type PolicyDiff struct {
	Old      string       `json:"old"`
	New      string       `json:"new"`
	Added    []string     `json:"rules_added"`
	Removed  []string     `json:"rules_removed"`
	Changed  []string     `json:"rules_changed"`
	Pairs    int          `json:"pairs_compared"` // of agent and tool
	Flipped  int          `json:"pairs_flipped"`
	Flips    []Flip       `json:"flips"` // at most 100
	Replayed int          `json:"calls_replayed"`
	Moved    int          `json:"calls_flipped"`
	Calls    []CallFlip   `json:"call_flips"` // at most 100
	Shadow   []ShadowFlip `json:"shadow,omitempty"`
}

// Flip is a pair whose answer changes. Before and After are an effect, or
// "depends" where conditions or counters decide.
type Flip struct {
	Agent  string `json:"agent"`
	Tool   string `json:"tool_name"`
	Before string `json:"before"`
	After  string `json:"after"`
	Rules  string `json:"rules"` // who decides before and after
}

// CallFlip is a recorded call that would be answered otherwise.
type CallFlip struct {
	Call   call.ID      `json:"call_id"`
	Agent  call.AgentID `json:"agent"`
	Tool   string       `json:"tool_name"`
	Before call.Effect  `json:"before"`
	After  call.Effect  `json:"after"`
	Rule   string       `json:"rule_id"`
}

// ShadowFlip says what a shadow rule would have done.
type ShadowFlip struct {
	Rule    string `json:"rule_id"`
	Matched int64  `json:"matched"`
	Would   int64  `json:"would_have_flipped"`
}
