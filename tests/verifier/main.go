// Verifies an audit log of Vigía with none of Vigía's code: Go's own golang.org/x/mod/sumdb/note and .../tlog, the
// packages that check Go's module transparency log.
//
//	verifier -log VKEY [-witness VKEY] export FILE             entries, chain, tree and checkpoints of an export
//	verifier -log VKEY [-witness VKEY] inclusion FILE HASH     a c2sp.org/tlog-proof that the entry with HASH is in
//	verifier -log VKEY [-witness VKEY] consistency OLD FILE    checkpoint OLD, and a c2sp.org/tlog-witness request
//
// It prints one line of JSON and exits 0, or says what does not hold and exits 1.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type keys struct {
	log       note.Verifier
	witness   *cosigner
	witnessed int
}

type head struct {
	size int64
	root tlog.Hash
}

func main() {
	logKey := flag.String("log", "", "the log's verifier key")
	witnessKey := flag.String("witness", "", "a witness's verifier key: its cosignature must then be on every checkpoint")
	flag.Parse()
	result, err := run(*logKey, *witnessKey, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "does not hold:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

func run(logKey, witnessKey string, args []string) (map[string]interface{}, error) {
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return nil, fmt.Errorf("the log's key: %v", err)
	}
	k := &keys{log: log}
	if witnessKey != "" {
		if k.witness, err = newCosigner(witnessKey); err != nil {
			return nil, fmt.Errorf("the witness's key: %v", err)
		}
	}
	switch {
	case len(args) == 2 && args[0] == "export":
		return k.export(args[1])
	case len(args) == 3 && args[0] == "inclusion":
		return k.inclusion(args[1], args[2])
	case len(args) == 3 && args[0] == "consistency":
		return k.consistency(args[1], args[2])
	}
	return nil, fmt.Errorf("usage: verifier -log VKEY [-witness VKEY] export FILE | inclusion FILE HASH | consistency OLD FILE")
}

// checkpoint opens a signed note and reads the tree head it vouches for.
func (k *keys) checkpoint(text []byte) (head, error) {
	known := []note.Verifier{k.log}
	if k.witness != nil {
		known = append(known, k.witness)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return head{}, err
	}
	signed := map[string]bool{}
	for _, signature := range opened.Sigs {
		signed[signature.Name] = true
	}
	if !signed[k.log.Name()] {
		return head{}, fmt.Errorf("the log did not sign its checkpoint")
	}
	if k.witness != nil {
		if !signed[k.witness.Name()] {
			return head{}, fmt.Errorf("%s did not cosign the checkpoint", k.witness.Name())
		}
		k.witnessed++
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != k.log.Name() {
		return head{}, fmt.Errorf("not a checkpoint of %s", k.log.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return head{}, fmt.Errorf("a checkpoint of size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return head{size, root}, err
}

// stored keeps what tlog wants to read back: every hash of the tree by its storage index.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d is not stored", index)
		}
		found[i] = s[index]
	}
	return found, nil
}

type line struct {
	entry      json.RawMessage
	leafHash   string
	checkpoint string
	placed     struct {
		PreviousHash string `json:"previous_hash"`
		Sequence     int64  `json:"sequence"`
	}
}

func (k *keys) export(path string) (map[string]interface{}, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var hashes stored
	var heads []head
	entries, previous := int64(0), strings.Repeat("0", 64)
	reader := bufio.NewScanner(file)
	reader.Buffer(nil, 64<<20)
	for reader.Scan() {
		read, err := readLine(reader.Bytes())
		if err != nil {
			return nil, fmt.Errorf("entry %d: %v", entries, err)
		}
		if read.entry == nil {
			opened, err := k.checkpoint([]byte(read.checkpoint))
			if err != nil {
				return nil, err
			}
			heads = append(heads, opened)
			continue
		}
		placed := read.placed
		leaf := tlog.RecordHash(read.entry)
		switch {
		case placed.Sequence != entries:
			return nil, fmt.Errorf("entry %d: the next one found is %d", entries, placed.Sequence)
		case placed.PreviousHash != previous:
			return nil, fmt.Errorf("entry %d does not follow the one before it", entries)
		case hex.EncodeToString(leaf[:]) != read.leafHash:
			return nil, fmt.Errorf("entry %d was changed: it hashes to %x", entries, leaf)
		}
		more, err := tlog.StoredHashesForRecordHash(entries, leaf, hashes)
		if err != nil {
			return nil, err
		}
		hashes, previous, entries = append(hashes, more...), read.leafHash, entries+1
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	for _, claimed := range heads {
		if claimed.size > entries {
			return nil, fmt.Errorf("entry %d: the log ends, but a checkpoint vouches for %d", entries, claimed.size)
		}
		root, err := tlog.TreeHash(claimed.size, hashes)
		if err != nil {
			return nil, err
		}
		if root != claimed.root {
			return nil, fmt.Errorf("the first %d entries are not those of the checkpoint of that size", claimed.size)
		}
	}
	root, err := tlog.TreeHash(entries, hashes)
	if err != nil {
		return nil, err
	}
	return map[string]interface{}{
		"ok": true, "entries": entries, "checkpoints": len(heads), "cosigned": k.witnessed, "root": hex.EncodeToString(root[:]),
	}, nil
}

func (k *keys) inclusion(path, leafHex string) (map[string]interface{}, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	first, index, proof, signed, err := parts(text)
	if err != nil {
		return nil, err
	}
	if first != "c2sp.org/tlog-proof@v1" {
		return nil, fmt.Errorf("not a proof: %q", first)
	}
	opened, err := k.checkpoint(signed)
	if err != nil {
		return nil, err
	}
	var leaf tlog.Hash
	raw, err := hex.DecodeString(leafHex)
	if err != nil || len(raw) != len(leaf) {
		return nil, fmt.Errorf("%q is no hash", leafHex)
	}
	copy(leaf[:], raw)
	if err := tlog.CheckRecord(tlog.RecordProof(proof), opened.size, opened.root, index, leaf); err != nil {
		return nil, err
	}
	return map[string]interface{}{"ok": true, "index": index, "size": opened.size}, nil
}

func (k *keys) consistency(oldPath, path string) (map[string]interface{}, error) {
	oldText, err := os.ReadFile(oldPath)
	if err != nil {
		return nil, err
	}
	witness := k.witness
	k.witness = nil // the older head is what somebody kept: the log's own signature is enough
	before, err := k.checkpoint(oldText)
	k.witness = witness
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, oldSize, proof, signed, err := parts(append([]byte("request\n"), text...))
	if err != nil {
		return nil, err
	}
	after, err := k.checkpoint(signed)
	if err != nil {
		return nil, err
	}
	if oldSize != before.size {
		return nil, fmt.Errorf("the proof begins at %d, the older checkpoint is of size %d", oldSize, before.size)
	}
	if err := tlog.CheckTree(tlog.TreeProof(proof), after.size, after.root, before.size, before.root); err != nil {
		return nil, err
	}
	return map[string]interface{}{"ok": true, "from": before.size, "to": after.size}, nil
}

// parts reads a first line, a line "<word> <number>", base64 hashes, an empty line, and the checkpoint after it.
func parts(text []byte) (first string, number int64, proof []tlog.Hash, signed []byte, err error) {
	end := bytes.Index(text, []byte("\n\n"))
	if end < 0 {
		return "", 0, nil, nil, fmt.Errorf("no empty line before the checkpoint")
	}
	lines := strings.Split(string(text[:end]), "\n")
	if len(lines) < 2 {
		return "", 0, nil, nil, fmt.Errorf("too short to be a proof")
	}
	words := strings.Fields(lines[1])
	if len(words) != 2 {
		return "", 0, nil, nil, fmt.Errorf("%q has no number", lines[1])
	}
	if number, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		return "", 0, nil, nil, err
	}
	for _, encoded := range lines[2:] {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(raw) != tlog.HashSize {
			return "", 0, nil, nil, fmt.Errorf("%q is no hash", encoded)
		}
		var hash tlog.Hash
		copy(hash[:], raw)
		proof = append(proof, hash)
	}
	return lines[0], number, proof, text[end+2:], nil
}
