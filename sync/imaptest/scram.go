package imaptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
)

const scramIterations = 4096

// scramHash is SCRAM by its name (RFC 5802, RFC 7677), without channel binding.
type scramHash string

func (s scramHash) new() hash.Hash {
	if s == "SCRAM-SHA-1" {
		return sha1.New()
	}
	return sha256.New()
}

func (s scramHash) mac(key []byte, text string) []byte {
	m := hmac.New(s.new, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// run follows RFC 5802 §3, whose names it uses.
func (s scramHash) run(x exchange) (string, string) {
	raw, refusal := x.first()
	if refusal != "" {
		return "", refusal
	}
	const gs2 = "n,," // neither channel binding nor another identity
	bare, ok := strings.CutPrefix(string(raw), gs2)
	name, nonce, both := strings.Cut(bare, ",r=")
	user, isUser := strings.CutPrefix(name, "n=")
	if !ok || !both || !isUser {
		return "", "BAD Invalid SCRAM message"
	}
	user = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(user)
	password, known := x.c.srv.opts.Users[user]

	salt := []byte("salt of " + user)
	nonce += rand.Text()
	serverFirst := fmt.Sprintf("r=%s,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString(salt), scramIterations)
	raw, refusal = x.ask(serverFirst)
	if refusal != "" {
		return "", refusal
	}
	withoutProof, p, _ := strings.Cut(string(raw), ",p=")
	proof, err := base64.StdEncoding.DecodeString(p)
	if err != nil || withoutProof != "c="+base64.StdEncoding.EncodeToString([]byte(gs2))+",r="+nonce {
		return "", "BAD Invalid SCRAM message"
	}
	salted, err := pbkdf2.Key(s.new, password, salt, scramIterations, s.new().Size())
	if err != nil {
		return "", "NO [SERVERBUG] " + err.Error()
	}
	clientKey := s.mac(salted, "Client Key")
	h := s.new()
	h.Write(clientKey)
	authMessage := bare + "," + serverFirst + "," + withoutProof
	signature := s.mac(h.Sum(nil), authMessage)
	if len(proof) != len(signature) {
		return "", refused
	}
	subtle.XORBytes(signature, signature, proof)
	if !known || !bytes.Equal(signature, clientKey) {
		return "", refused
	}
	verifier := s.mac(s.mac(salted, "Server Key"), authMessage)
	if _, refusal = x.ask("v=" + base64.StdEncoding.EncodeToString(verifier)); refusal != "" {
		return "", refusal
	}
	return user, ""
}
