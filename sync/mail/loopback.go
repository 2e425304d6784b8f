package mail

import (
	"net/netip"
	"strings"
)

// Loopback reports whether a host, as it is written in a configuration, can
// only be this machine: an address of loopback, or localhost and the names
// below it (RFC 6761 §6.3). No resolver is asked.
func Loopback(host string) bool { return len(LoopbackAddresses(host)) > 0 }

// LoopbackAddresses are the addresses that a host of loopback has, in the order
// in which to try them; none for another host. A resolver may say otherwise of
// localhost, where the file of hosts lacks it, and is not asked.
func LoopbackAddresses(host string) []string {
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []string{"127.0.0.1", "::1"}
	}
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && ip.Unmap().IsLoopback() {
		return []string{ip.String()}
	}
	return nil
}
