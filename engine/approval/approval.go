// Package approval owns the open questions to people, and who answers them.
package approval
