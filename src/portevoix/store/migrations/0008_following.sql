-- What the console's lists are filtered by.

-- Campaigns that are scheduled, active, paused or cancelled: few of an account's are, and they are looked for by that.
CREATE INDEX campaign_unfinished ON campaign (account_id, state, id) WHERE state <> 'finished';

-- Transfers other than those that every call makes: top-ups, adjustments, allotments. Writing those costs nothing here.
CREATE INDEX transfer_seldom ON transfer (account_id, id) WHERE kind NOT IN ('reserve', 'settle', 'release');
