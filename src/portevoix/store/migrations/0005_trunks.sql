-- Trunks, the routes over them, their limits over all nodes, and what accounts send over them a day.

-- A trunk's password is kept as it is: its digests need it (docs/decisions/0043). Nothing but the dialler reads it.
CREATE TABLE trunk (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    engine text NOT NULL,
    server text NOT NULL,
    username text,
    password text,
    registers boolean NOT NULL,
    caller_id text,
    callers_allowed text[] NOT NULL,
    number_format text NOT NULL,
    is_asserted boolean NOT NULL,
    calls_max integer NOT NULL,
    calls_per_s integer NOT NULL,
    down_until timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT trunk_engine_known CHECK (engine IN ('sip', 'asterisk')),
    CONSTRAINT trunk_number_format_known CHECK (number_format IN ('e164', 'digits', 'international', 'national')),
    CONSTRAINT trunk_credentials_whole CHECK ((username IS NULL) = (password IS NULL)),
    CONSTRAINT trunk_registers_by_name CHECK (NOT registers OR username IS NOT NULL),
    CONSTRAINT trunk_limits_in_range CHECK (calls_max BETWEEN 1 AND 10000 AND calls_per_s BETWEEN 1 AND 1000)
);

CREATE TABLE route (
    name text PRIMARY KEY,
    trunk_id bigint NOT NULL REFERENCES trunk ON DELETE CASCADE,
    prefix text NOT NULL,
    serves text NOT NULL,
    priority integer NOT NULL,
    weight integer NOT NULL,
    dial text NOT NULL,
    hours text NOT NULL,
    price_micros bigint NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    down_until timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT route_prefix_is_digits CHECK (prefix ~ '^[0-9]{1,15}$'),
    CONSTRAINT route_serves_known CHECK (serves IN ('voice', 'deposit', 'both')),
    CONSTRAINT route_order_in_range CHECK (priority BETWEEN 0 AND 1000 AND weight BETWEEN 1 AND 1000 AND price_micros >= 0)
);
CREATE INDEX route_trunk ON route (trunk_id);

-- What accounts have sent over trunks, by day for the caps and by hour for the alarm.
CREATE TABLE usage (
    account_id bigint NOT NULL REFERENCES account,
    prefix text NOT NULL,
    span text NOT NULL,
    since timestamptz NOT NULL,
    calls bigint NOT NULL,
    micros bigint NOT NULL,
    is_told boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, prefix, span, since),
    CONSTRAINT usage_span_known CHECK (span IN ('day', 'hour'))
) WITH (fillfactor = 70);
CREATE INDEX usage_since ON usage (since);

-- A waiting call stands in the queue of the trunk that it will take, or of none (0): simulated phones have none. So a
-- claim finds those whose trunk has room without looking at the others. It is a guess, made anew when it is dialled.
ALTER TABLE call ADD COLUMN trunk_id bigint NOT NULL DEFAULT 0;
DROP INDEX call_waiting;
CREATE INDEX call_waiting ON call (account_id, trunk_id, due_at, id) WHERE state IN ('scheduled', 'ready');
CREATE INDEX call_at_trunk ON call (trunk_id, due_at) WHERE state IN ('scheduled', 'ready') AND trunk_id > 0;

-- What a carrier said beside the outcome; the trunk that an attempt was made over counts against its limits.
ALTER TABLE attempt ADD COLUMN trunk_id bigint, ADD COLUMN cause smallint, ADD COLUMN trace jsonb;
CREATE INDEX attempt_under_way ON attempt (trunk_id) WHERE trunk_id IS NOT NULL AND outcome IS NULL;
CREATE INDEX attempt_pace ON attempt (trunk_id, dialed_at) WHERE trunk_id IS NOT NULL;

-- What the far end said in an attempt's first seconds, where the operator keeps that for proof; erased after its time.
-- A table of its own, so that what does not keep it does not pay for it, and that erasing it leaves calls alone.
CREATE TABLE attempt_recording (
    call_id bigint NOT NULL,
    number smallint NOT NULL,
    alaw bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (call_id, number),
    CONSTRAINT attempt_recording_is_short CHECK (octet_length(alaw) BETWEEN 1 AND 240000)
);
ALTER TABLE attempt_recording ALTER COLUMN alaw SET STORAGE EXTERNAL; -- A-law hardly compresses
CREATE INDEX attempt_recording_age ON attempt_recording (recorded_at);
