package daemon

import "m1/engine/gateway/guard"

// Routes are all that d serves.
func (d *Daemon) Routes() []guard.Route { return d.api.routes }
