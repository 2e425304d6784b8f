package dovecot

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

// conf is the text of a configuration.
type conf struct{ text strings.Builder }

func (c *conf) line(format string, args ...any) { fmt.Fprintf(&c.text, format+"\n", args...) }

// config is the whole configuration: none of the system's is read.
func (s *Server) config() string {
	var c conf
	s.confBase(&c)
	s.confUser(&c)
	s.confServices(&c)
	s.confLogin(&c)
	s.confMail(&c)
	if s.opt.Capability != "" {
		c.line("imap_capability = %s", s.opt.Capability)
	}
	c.line("%s", strings.ReplaceAll(s.opt.Extra, "$DIR", s.dir))
	return c.text.String()
}

func (s *Server) confBase(c *conf) {
	c.line("base_dir = %s/base", s.dir)
	c.line("state_dir = %s/state", s.dir)
	c.line("instance_name = %s", filepath.Base(s.dir))
	c.line("log_path = %s/log", s.dir)
	c.line("protocols = imap")
	c.line("listen = 127.0.0.1")
	if s.in.relocated {
		c.line("libexec_dir = %s", s.in.libexec)
		c.line("mail_plugin_dir = %s", s.in.modules)
		c.line("import_environment = TZ LD_LIBRARY_PATH")
	}
}

func (s *Server) confUser(c *conf) {
	// One user for everything, which is what lets it run without being root;
	// entering a chroot would need root too.
	c.line("default_internal_user = %s", s.id.user)
	c.line("default_internal_group = %s", s.id.group)
	c.line("default_login_user = %s", s.id.user)
	c.line("first_valid_uid = 1")
	c.line("first_valid_gid = 1")
	for _, svc := range []string{"anvil", "stats", "imap-urlauth-login"} {
		c.line("service %s {\n  chroot =\n}", svc)
	}
}

func (s *Server) confServices(c *conf) {
	// One login process takes all connections and is there from the start;
	// an imap process takes the next connection when one is over. Both save
	// a fork and an exec at each connection.
	tlsListener := "port = 0"
	if s.opt.TLS {
		tlsListener = fmt.Sprintf("port = %d\n    ssl = yes", s.tlsPort)
	}
	c.line("service imap-login {\n  chroot =\n  service_count = 0\n  process_min_avail = 1\n  process_limit = 1")
	c.line("  inet_listener imap {\n    port = %d\n  }\n  inet_listener imaps {\n    %s\n  }\n}", s.port, tlsListener)
	c.line("service imap {\n  service_count = 0\n  process_limit = 200\n}")
	c.line("service auth {\n  client_limit = 2000\n}")
}

func (s *Server) confLogin(c *conf) {
	c.line("ssl = no")
	if s.opt.TLS {
		c.line("ssl = yes\nssl_cert = <%s/cert.pem\nssl_key = <%s/key.pem", s.dir, s.dir)
	}
	c.line("disable_plaintext_auth = no")
	c.line("auth_mechanisms = %s", cmp.Or(s.opt.Mechanisms, "plain login cram-md5 scram-sha-1 scram-sha-256"))
	c.line("auth_failure_delay = 0")
	c.line("auth_verbose = yes")
	c.line("passdb {\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%%u %s/users\n}", s.dir)
	c.line("userdb {\n  driver = static\n  args = uid=%d gid=%d home=%s/home/%%u\n}", s.id.uid, s.id.gid, s.dir)
	c.line("login_greeting = Dovecot ready: %s", s.token)
}

func (s *Server) confMail(c *conf) {
	path := "mail"
	if s.opt.Storage == Maildir {
		path = "Maildir"
	}
	c.line("mail_location = %s:~/%s", s.opt.Storage, path)
	c.line("mail_fsync = %s", s.opt.Fsync)
	c.line("mail_max_userip_connections = 100")
	c.line("mailbox_list_index = yes") // also what IMAP NOTIFY needs
	c.line("namespace inbox {\n  inbox = yes\n  separator = %s\n  prefix = %s", s.opt.Delimiter, s.opt.Prefix)
	// Marked when a test creates them, not created: a fresh account holds INBOX only.
	for _, use := range []string{"Drafts", "Junk", "Sent", "Trash", "Archive"} {
		c.line("  mailbox %s {\n    special_use = \\%s\n  }", use, use)
	}
	c.line("}")
}
