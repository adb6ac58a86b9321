package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// readLine reads a line that holds an entry and its hash, or a checkpoint, and nothing beside it: a name that is
// unknown or repeated is read by somebody as something that was never hashed.
func readLine(raw []byte) (line, error) {
	var read line
	if err := unrepeated(json.NewDecoder(bytes.NewReader(raw))); err != nil {
		return read, err
	}
	fields, err := object(raw)
	if err != nil {
		return read, err
	}
	if _, there := fields["checkpoint"]; there {
		if err := exactly(fields, "checkpoint"); err != nil {
			return read, err
		}
		return read, json.Unmarshal(fields["checkpoint"], &read.checkpoint)
	}
	gone, shredded := fields["shredded"]
	delete(fields, "shredded")
	if err := exactly(fields, "entry", "leaf_hash"); err != nil {
		return read, err
	}
	read.entry = fields["entry"]
	entry, err := object(read.entry)
	if err == nil {
		err = exactly(entry, "previous_hash", "record", "recorded_at", "sequence")
	}
	if err != nil {
		return read, err
	}
	record, err := object(entry["record"])
	if err == nil {
		err = exactly(record, "action", "actor", "incident_id", "payload", "subject", "tenant")
	}
	if err == nil && shredded {
		err = areSealed(gone, record["payload"])
	}
	if err == nil {
		err = json.Unmarshal(fields["leaf_hash"], &read.leafHash)
	}
	if err == nil {
		err = json.Unmarshal(read.entry, &read.placed)
	}
	return read, err
}

func object(raw []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, fmt.Errorf("null where an object belongs")
	}
	return fields, nil
}

func exactly(fields map[string]json.RawMessage, names ...string) error {
	for _, name := range names {
		if _, there := fields[name]; !there {
			return fmt.Errorf("%q is missing", name)
		}
	}
	if len(fields) != len(names) {
		return fmt.Errorf("it holds more than %q", names)
	}
	return nil
}

// areSealed checks that the names are fields of the payload that lie there sealed, each once.
func areSealed(raw, payload []byte) error {
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return err
	}
	fields, err := object(payload)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("shredded, but nothing is named")
	}
	for _, name := range names {
		box, err := object(fields[name])
		if err == nil {
			err = exactly(box, "sealed", "box")
		}
		if err != nil {
			return fmt.Errorf("shredded: %q is not sealed", name)
		}
		delete(fields, name)
	}
	return nil
}

// unrepeated reads one value and refuses an object, however deep, that has a name twice.
func unrepeated(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	opened, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	names := map[string]bool{}
	for decoder.More() {
		if opened == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			if names[name.(string)] {
				return fmt.Errorf("%q is repeated", name)
			}
			names[name.(string)] = true
		}
		if err := unrepeated(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}
