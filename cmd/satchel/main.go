package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/term"

	"satchel/cmd/config"
	mailsync "satchel/sync"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version string

// errInterrupted is the cause of a run that a signal ended.
var errInterrupted = errors.New("interrupted")

func main() { os.Exit(run(os.Args[1:])) }

// gcPercent is how much the heap may grow, in percent, before it is collected.
const gcPercent = 40

func run(args []string) int {
	// A run is short and its live data small, so memory is worth more than the
	// time of a few more collections (docs/benchmarks.md).
	debug.SetGCPercent(gcPercent)
	ctx, stop := withSignals(context.Background(), os.Stderr)
	defer stop()
	return execute(ctx, osDeps(), args)
}

// withSignals ends the context at the first SIGINT or SIGTERM, which lets the
// operation under way finish, and the process at the second.
func withSignals(parent context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
				if n > 0 {
					os.Exit(exitKilled)
				}
				printLine(stderr, "satchel: interrupted; finishing what is under way, interrupt again to stop at once")
				cancel(errInterrupted)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// osDeps is the real world.
func osDeps() *deps {
	return &deps{
		stdout: os.Stdout, stderr: os.Stderr,
		stdoutTTY: term.IsTerminal(int(os.Stdout.Fd())), stderrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		env:        config.OSEnv(),
		configPath: config.DefaultPath(), stateDir: config.DefaultStateDir(),
		readPassword: passwordFrom(os.Stdin, os.Stderr),
		newEngine: func(a mailsync.Account, o mailsync.Options) (engine, error) {
			e, err := mailsync.New(a, o)
			if err != nil {
				return nil, err // and not a nil *Engine in an interface
			}
			return e, nil
		},
	}
}
