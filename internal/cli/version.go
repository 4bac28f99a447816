package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "What this program is",
		Long:    "Prints this program's version, the commit that it was built from, and the Go that built it.",
		Example: "  takt version",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
}

// version returns the version alone, as `v1.2.3`.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// versionLine returns the version as `takt v1.2.3 (3f2c…, changed) go1.26.0 linux/amd64`.
func versionLine() string {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = " (" + s.Value + ")"
			case s.Key == "vcs.modified" && s.Value == "true" && commit != "":
				commit = commit[:len(commit)-1] + ", changed)"
			}
		}
	}
	return fmt.Sprintf("takt %s%s %s %s/%s", version(), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
