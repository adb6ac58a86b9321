package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// cosigner is a note.Verifier for c2sp.org/tlog-cosignature, kind 0x04, which x/mod's own verifier does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	fields := strings.SplitN(vkey, "+", 3)
	if len(fields) != 3 {
		return nil, fmt.Errorf("%q is no verifier key", vkey)
	}
	raw, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != 4 {
		return nil, fmt.Errorf("%q is not the key of an Ed25519 witness", vkey)
	}
	sum := sha256.Sum256(append([]byte(fields[0]+"\n"), raw...))
	hash := binary.BigEndian.Uint32(sum[:4])
	if claimed, err := strconv.ParseUint(fields[1], 16, 32); err != nil || uint32(claimed) != hash {
		return nil, fmt.Errorf("%q is damaged", vkey)
	}
	return &cosigner{fields[0], hash, raw[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(sig[:8])
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", seconds)), msg...)
	return ed25519.Verify(c.key, signed, sig[8:])
}
