-- Every process is a node, those that only answer too; what they do in turns.

-- A node of the version before says nothing of itself: it answers and dials.
ALTER TABLE node
    ADD COLUMN role text NOT NULL DEFAULT 'both',
    ADD COLUMN version text NOT NULL DEFAULT '',
    ADD COLUMN shares_limits boolean NOT NULL DEFAULT true,
    ADD COLUMN seen_at timestamptz,
    ADD CONSTRAINT node_role_known CHECK (role IN ('serve', 'work', 'both'));

-- What one process does for all of them, again and again. Whoever takes a chore puts its due time off, to where it is
-- taken for lost; whoever ends it, to the next time.
CREATE TABLE chore (
    name text PRIMARY KEY,
    due_at timestamptz NOT NULL,
    taker text,
    began_at timestamptz,
    ended_at timestamptz,
    fault text
);
