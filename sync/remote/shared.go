package remote

// SharesMessages reports whether one message may be in several mailboxes of the
// server at once, as with the labels of Gmail (X-GM-EXT-1): a change in one of
// them shows in the others.
func (c *Conn) SharesMessages() bool { return c.Has("X-GM-EXT-1") }
