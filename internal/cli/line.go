package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
	"github.com/takt-mes/takt/internal/line"
)

// lineFlagNames are the flags that say which simulated lines are meant, beside
// the folder.
var lineFlagNames = []string{"lines", "seed", "warm", "takt", "machines", "dwell-divisor", "oven-trays", "fault"}

// lineFlags are those that say which simulated lines are meant. What was said
// when a folder was begun is kept there.
func lineFlags(cmd *cobra.Command, data *string, c *app.LineConfig) {
	flags := cmd.Flags()
	flags.StringVar(data, "data", defaultData+"/line", "the `folder` of the lines and their PLCs' memories; started again with it, they go on")
	flags.IntVar(&c.Lines, "lines", 0, "how many lines, L1, L2 and so on, each with a seed of its own; 0 goes on with what is there, or is 1")
	flags.Uint64Var(&c.Seed, "seed", 0, "where the first line's chance comes from, each further one's has the next seed; 0 goes on with what is there, or is 1")
	flags.DurationVar(&c.Warm, "warm", 0, "how long the lines ran before, so that cells leave them from the start; with real dwell times a cell takes nine days")
	flags.DurationVar(&c.Takt, "takt", 0, "the time from one finished cell to the next; 1s where not given")
	flags.StringToIntVar(&c.Machines, "machines", nil, "how many machines a step has, by its code, as `WND=4,BAK=2`; the reference line's where not given")
	flags.IntVar(&c.DwellDivisor, "dwell-divisor", 0, "bake, soak, charge and age so many `times` shorter than the reference line; what follows from time, as K, is then no longer right")
	flags.IntVar(&c.OvenTrays, "oven-trays", 0, "how many trays of 32 cells an oven load has; 15 where not given")
	flags.Var((*faultsValue)(&c.Faults), "fault", "what goes wrong on each line, and how long after its start, as `F3@2h`; may be given more than once")
}

// lineHelp is what the help of all of them says.
func lineHelp() string {
	var b strings.Builder
	b.WriteString(`

The flags that say which lines are meant count when a folder is begun; they are
kept in it, and one that contradicts what is kept is refused.

Faults, each with what happens, and what a recall of it should find:
`)
	for _, f := range line.Faults() {
		fmt.Fprintf(&b, "\n  %-4s %s\n       → %s", f.ID, f.What, f.Finds)
	}
	return b.String()
}

// faultsValue is a flag that may be given more than once.
type faultsValue []line.Fault

// Set is pflag.Value's.
func (v *faultsValue) Set(text string) error {
	f, err := line.ParseFault(text)
	if err != nil {
		return err
	}
	*v = append(*v, f)
	return nil
}

// String is pflag.Value's.
func (v *faultsValue) String() string {
	var list []string
	for _, f := range *v {
		list = append(list, f.String())
	}
	return strings.Join(list, ",")
}

// Type is pflag.Value's.
func (v *faultsValue) Type() string { return "fault" }

// checkLine refuses what can be no line without asking what is kept.
func checkLine(cmd *cobra.Command, c app.LineConfig) error {
	for _, flag := range []struct {
		name  string
		value int64
	}{
		{"lines", int64(c.Lines)}, {"warm", int64(c.Warm)}, {"takt", int64(c.Takt)}, {"dwell-divisor", int64(c.DwellDivisor)}, {"oven-trays", int64(c.OvenTrays)},
	} {
		if flag.value < 0 {
			return usage(cmd, "--%s %s is negative", flag.name, cmd.Flag(flag.name).Value)
		}
	}
	return nil
}
