-- Messages that people write in the console, and which recordings were played.

-- The id is also what keeps a draft from being sent twice: it becomes a campaign once.
CREATE TABLE draft (
    id text PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    person_id bigint NOT NULL REFERENCES person,
    content bytea NOT NULL,
    campaign text,
    kept_at timestamptz NOT NULL
);
CREATE INDEX draft_person ON draft (person_id, kept_at);
CREATE INDEX draft_kept ON draft (kept_at);

-- The newest messages that play a recording, from the index alone.
DROP INDEX campaign_recording;
CREATE INDEX campaign_recording ON campaign (recording_id, id) WHERE recording_id IS NOT NULL;
