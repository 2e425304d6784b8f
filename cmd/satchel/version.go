package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersionCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion(version, debug.ReadBuildInfo)
			if d.flags.json {
				return d.object(v)
			}
			d.result("%s", v)
			return nil
		},
	}
}

type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`     // of the commit
	Modified bool   `json:"modified"` // built from a tree with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readVersion prefers what the linker was told over what go install noted.
func readVersion(linked string, read func() (*debug.BuildInfo, bool)) versionInfo {
	v := versionInfo{Version: linked, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := read()
	if ok {
		if v.Version == "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.time":
				v.Date = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	if v.Version == "" {
		v.Version = "development"
	}
	return v
}

func (v versionInfo) String() string {
	about := []string{v.Go, v.Platform}
	if v.Commit != "" {
		commit := "commit " + v.Commit[:min(12, len(v.Commit))]
		if v.Date != "" {
			commit += " of " + v.Date
		}
		if v.Modified {
			commit += " with changes"
		}
		about = append([]string{commit}, about...)
	}
	return fmt.Sprintf("satchel %s (%s)", v.Version, strings.Join(about, ", "))
}
