package cache

// Fault is a part of the protocol that a test can leave out.
type Fault = fault

// The parts, each with what happens without it.
const (
	NoFault      Fault = 0
	FaultAcks          = faultAcks    // a change does not wait for the other nodes
	FaultLease         = faultLease   // memory is served without a lease
	FaultGap           = faultGap     // a lost message is not noticed
	FaultLate          = faultLate    // versions are read after the load
	FaultFlight        = faultFlight  // any load under way may be joined
	FaultFence         = faultFence   // the first change that ends lifts every fence
	FaultJournal       = faultJournal // what Redis did not hear is not told later
)

// WithFault returns o without a part of the protocol.
func WithFault(o Options, f Fault) Options {
	o.fault = f
	return o
}
