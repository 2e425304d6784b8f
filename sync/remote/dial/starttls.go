package dial

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// startTLS runs before the link exists, because the link must not see the
// bytes of TLS. Nothing said before TLS is believed: neither capabilities,
// nor PREAUTH, nor bytes behind the answer (RFC 3501 §6.2.1, RFC 9051 §11.1,
// CVE-2011-0411).
func (d *Dialer) startTLS(conn net.Conn, res *Dialed) error {
	br := bufio.NewReaderSize(countedReader{conn, &res.BytesIn}, 8<<10)
	line, err := br.ReadSlice('\n')
	if err != nil {
		if len(line) > 0 && (line[0] == 0x15 || line[0] == 0x16) {
			return errSpeaksTLS
		}
		return refusal.Early(wire.Short(err))
	}
	r, ok := wire.Response{}, false
	if strings.HasPrefix(string(line), "* ") {
		r, ok = wire.ParseResponse(line[2:])
	}
	switch {
	case !ok:
		return NotIMAP(line)
	case r.Kind == "BYE":
		t := d.Answered(wire.ParseText(r.Rest))
		return &refusal.ByeError{Code: t.Code, Text: t.Text, Refused: true}
	case r.Kind != "OK":
		return errors.New("the server skips login before TLS, which an attacker could fake")
	}
	if _, err := io.WriteString(conn, "S1 STARTTLS\r\n"); err != nil {
		return err
	}
	res.RoundTrips++
	for {
		if line, err = br.ReadSlice('\n'); err != nil {
			return wire.Short(err)
		}
		rest, tagged := strings.CutPrefix(string(wire.TrimEOL(line)), "S1 ")
		if !tagged {
			continue
		}
		if status, text, _ := strings.Cut(rest, " "); !strings.EqualFold(status, "OK") {
			return fmt.Errorf("the server refused STARTTLS: %s", text)
		}
		break
	}
	if br.Buffered() > 0 {
		return errors.New("the server sent more than its answer to STARTTLS, as an attacker would")
	}
	return nil
}

type countedReader struct {
	r io.Reader
	n *int64
}

func (c countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}
