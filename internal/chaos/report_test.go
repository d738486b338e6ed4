package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// row is what one fault has done to the players.
type row struct {
	Fault string        `json:"fault"`
	Took  time.Duration `json:"took_ns"`
	sums
	played
	BalancesWrong int      `json:"balances_wrong"`
	Failures      []string `json:"failures,omitempty"` // of the fault itself, and of settling
	Seen          []string `json:"seen,omitempty"`     // what went wrong, the first of it
	NotRun        string   `json:"not_run,omitempty"`
}

// wrong says what in a row may not be, "" when nothing is.
func (r *row) wrong() string {
	var all []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{int64(r.Lost), "lost"}, {r.Doubled, "doubled"}, {r.OutOfOrder, "out of order"}, {r.Resets, "snapshots in place of messages"},
		{int64(r.Refused), "refused"}, {int64(r.Sent - r.Receipted), "without receipt"}, {int64(r.Differing), "boards that differ"},
		{int64(r.Broken), "games whose end nobody knows"}, {int64(r.Unseen), "ends not heard by a side"},
		{int64(r.Otherwise), "games ended by a timeout or an exit"}, {int64(r.BalancesWrong), "balances wrong"},
	} {
		if c.n != 0 {
			all = append(all, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if r.Sent == 0 || r.Heard == 0 {
		all = append(all, "nothing was sent or heard")
	}
	return strings.Join(append(all, r.Failures...), "; ")
}

// report is a whole run.
type report struct {
	Seed  uint64    `json:"seed"`
	Began time.Time `json:"began"`
	Nodes int       `json:"rabbitmq_nodes"`
	Rows  []*row    `json:"rows"`
}

// print writes the table to standard output, and all of it as JSON to where envReport says.
func (r *report) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fault\tsent\treceipted\theard\tlost\tdoubled\tout of order\tlongest gap\tgames\tends unheard\tboards differ\tbalances wrong\t")
	for _, x := range r.Rows {
		if x.NotRun != "" {
			fmt.Fprintf(w, "%s\tNOT RUN\t\t\t\t\t\t\t\t\t\t\t\n", x.Fault)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%d\t%d\t\n", x.Fault, x.Sent, x.Receipted, x.Heard, x.Lost, x.Doubled,
			x.OutOfOrder, x.LongestGap.Round(time.Millisecond), x.Finished, x.Unseen, x.Differing, x.BalancesWrong)
	}
	fmt.Printf("\nseed %d, %d RabbitMQ nodes\n", r.Seed, r.Nodes)
	if err := w.Flush(); err != nil {
		return err
	}
	path := os.Getenv(envReport)
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
