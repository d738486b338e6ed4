package store

import (
	"context"
	"time"
)

// MaxExempt bounds how many accounts a maintenance lets in.
const MaxExempt = 100

// Maintenance is a time in which a deployment takes nobody in.
type Maintenance struct {
	// N counts the changes of what stands: a later one has a higher number. 0: there has never been a maintenance.
	N uint64
	// Active: it is announced or under way. If not, all below is about the last one.
	Active bool
	Text   string    // for the players
	Begins time.Time // from then on nobody signs in, and no room or match comes about
	Closes time.Time // from then on nobody is connected; zero: never
	// EndRooms: rooms made before Closes end then, and players stay connected 5 s longer to hear of it. Otherwise they go on.
	EndRooms bool
	// Ends is when it is expected to be over, which is for the players to know; zero: nobody said. Of one that is not Active: when it
	// was over.
	Ends   time.Time
	Exempt []string // accounts for whom there is none; at most MaxExempt
}

// Maintenances keeps the maintenance of the deployment. Times are kept in microseconds.
type Maintenances interface {
	// Maintenance returns what stands.
	Maintenance(ctx context.Context) (Maintenance, error)
	// SetMaintenance puts m in the place of what stands and returns it with its number. ErrChanged: m.N is not the number of what
	// stands; nothing was done. Exempt accounts that there are not are left out.
	SetMaintenance(ctx context.Context, m Maintenance) (Maintenance, error)
}
