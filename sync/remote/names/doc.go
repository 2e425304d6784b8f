// Package names knows how mailboxes are called: on the wire, in modified UTF-7
// or UTF-8 and below the prefix of a namespace, and here, as levels separated by
// "/".
//
// Start with [Naming], which goes both ways, and [Naming.List], which decides
// which of the rows of a LIST has which name. A [Namespace] is what a server told,
// in a form that can be remembered.
//
// Invariants:
//
//   - Every name on the wire has at most one canonical form, and every canonical
//     name leads to one mailbox at most.
//   - A name that would be read back as another one is refused, not written.
//   - A mailbox that gets no name is in what List leaves out, with the reason.
//
// The package must never do I/O: rows in, names out.
package names
