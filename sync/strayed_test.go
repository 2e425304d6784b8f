package sync_test

import (
	"fmt"
	"testing"

	"satchel/conflict"
	"satchel/sync/imaptest"
)

// Another client renames the mailbox that half a move was made out of, or moves the
// original to where its copy is. It goes all the same; the copy stays.
func TestHalfMoveStrayed(t *testing.T) {
	for name, then := range map[string]func(serverSide){
		"renamed":      func(s serverSide) { s.w.mvServer("Src", "Src2") },
		"made anew":    func(s serverSide) { s.w.mvServer("Src", "Src2"); s.create("Src") },
		"both renamed": func(s serverSide) { s.w.mvServer("Src", "Src2"); s.w.mvServer("Dst", "Dst2") },
		"to its copy":  func(s serverSide) { s.move(s.list("Src")[0], "Dst") },
	} {
		for level, caps := range levels() {
			for _, old := range []bool{true, false} {
				for verb, fault := range map[string]imaptest.Fault{"UID COPY": imaptest.DropAfter, "UID EXPUNGE": imaptest.DropBefore} {
					if name == "to its copy" && verb == "UID COPY" {
						continue // without a mark it may be somebody's own
					}
					t.Run(fmt.Sprint(name, " ", level, " ", verb, " ", old), func(t *testing.T) {
						t.Parallel()
						for _, before := range deaths(9) {
							for _, behind := range deaths(9) {
								if before > 0 && behind > 0 && !*crashLong {
									continue
								}
								w := halfMoved(t, caps, verb, fault, old)
								server, _ := w.hands()
								if before > 0 {
									w.again(before - 1)
								}
								if len(server.list("Src")) == 0 {
									continue // it is over
								}
								then(server)
								if behind > 0 {
									w.again(behind - 1)
								}
								w.timesInDst(1, old)
								if l := w.marked(); len(l) > 0 {
									t.Errorf("marked are %q", l)
								}
								if t.Failed() {
									t.Fatalf("after %d more commits, and %d behind it", before-1, behind-1)
								}
							}
						}
					})
				}
			}
		}
	}
}

// The same with a removal that is a move to the trash.
func TestHalfMoveToTrashStrayed(t *testing.T) {
	for _, verb := range []string{"UID STORE", "UID EXPUNGE"} {
		for level, caps := range levels() {
			t.Run(verb+" "+level, func(t *testing.T) {
				for _, at := range deaths(9) {
					w := newBroken(t, caps.Without(imaptest.CapMove))
					w.acct.Policy.Removal = conflict.Trash
					server, disk := w.hands()
					server.create("Trash")
					server.create("Src")
					server.deliver("Src", w.message(), nil)
					w.sync()
					disk.remove(disk.list("Src")[0])
					w.fail(verb, imaptest.Action{Fault: imaptest.DropBefore})
					if at > 0 {
						w.again(at - 1)
					}
					if len(server.list("Src")) > 0 {
						w.mvServer("Src", "Src2")
					}
					w.resume("Trash 1@test")
				}
			})
		}
	}
}

// The copy is removed, and the original is moved there: that is the message then.
func TestHalfMoveInPlaceOfItsCopy(t *testing.T) {
	for _, policy := range []conflict.EditVsDelete{conflict.Keep, conflict.Delete} {
		for level, caps := range levels() {
			t.Run(fmt.Sprint(policy, " ", level), func(t *testing.T) {
				for at := range 13 {
					w := halfMoved(t, caps, "UID EXPUNGE", imaptest.DropBefore, true)
					w.acct.Policy.EditVsDelete = policy
					w.again(at)
					server, _ := w.hands()
					if len(server.list("Src")) == 0 {
						break
					}
					server.remove(server.theCopy())
					server.move(server.list("Src")[0], "Dst")
					w.times(map[string]int{"1@test": 1, "2@test": 1})
				}
			})
		}
	}
}

// The run came to the end of the move, and could not note it; then another client
// marks the message. That mark is not the run's.
func TestMovedAndMarkedByOthers(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			for at := range 9 {
				w := halfMoved(t, caps, "UID EXPUNGE", imaptest.DropAfter, true)
				server, _ := w.hands()
				server.flag(server.theCopy(), []string{`\Deleted`}, nil)
				if at > 0 {
					w.again(at - 1)
				}
				w.times(map[string]int{"1@test": 1, "2@test": 1})
				if l := w.marked(); len(l) != 2 { // on both sides
					t.Errorf("after %d more commits marked are %q", at-1, l)
				}
			}
		})
	}
}
