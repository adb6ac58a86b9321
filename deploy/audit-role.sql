-- Roles for the audit log on PostgreSQL, for whoever runs Vigía with a database of their own.
--
--   psql -v ON_ERROR_STOP=1 -f deploy/audit-role.sql <database>       as the owner of the tables, after the migrations
--
-- vigia_audit_writer     hands entries in and reads the log: what every process of ours needs to work.
-- vigia_audit_sequencer  also gives entries their places and signs checkpoints: the worker.
-- vigia_audit_reader     reads and verifies: auditors.
--
-- None of them owns a table, so none can drop a trigger; none may UPDATE or TRUNCATE. The one DELETE there is, of rows
-- of the intake, is refused by its trigger unless the same row is in audit_entries. Grant them to your login roles:
--   GRANT vigia_audit_writer TO vigia_copilot;  GRANT vigia_audit_sequencer TO vigia_worker;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['vigia_audit_reader', 'vigia_audit_writer', 'vigia_audit_sequencer'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON audit_entries, audit_intake, audit_checkpoints, audit_cosignatures, audit_subject_keys FROM PUBLIC;
REVOKE ALL ON audit_entries, audit_intake, audit_checkpoints, audit_cosignatures, audit_subject_keys
  FROM vigia_audit_reader, vigia_audit_writer, vigia_audit_sequencer;

-- Not the keys: what is sealed stays sealed to auditors.
GRANT SELECT ON audit_entries, audit_intake, audit_checkpoints, audit_cosignatures TO vigia_audit_reader;

GRANT SELECT, INSERT ON audit_intake TO vigia_audit_writer;
GRANT SELECT ON audit_entries, audit_checkpoints, audit_cosignatures TO vigia_audit_writer;
GRANT SELECT, INSERT ON audit_subject_keys TO vigia_audit_writer;

GRANT SELECT, INSERT, DELETE ON audit_intake TO vigia_audit_sequencer;
GRANT SELECT, INSERT ON audit_entries, audit_checkpoints, audit_cosignatures TO vigia_audit_sequencer;
GRANT SELECT, INSERT ON audit_subject_keys TO vigia_audit_sequencer;
-- Destroying a key (vigia audit shred) is the owner's: it takes UPDATE on audit_subject_keys.
