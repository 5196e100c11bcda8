-- What accounts have spent, by hours of UTC: a chart of a month reads some hundred rows, however many calls there were.
-- Counted by the statements that settle and refund, under the lock of the account.
CREATE TABLE spending (
    account_id bigint NOT NULL REFERENCES account,
    hour timestamptz NOT NULL,
    micros bigint NOT NULL,
    PRIMARY KEY (account_id, hour)
) WITH (fillfactor = 70);

INSERT INTO spending (account_id, hour, micros)
SELECT account_id, date_trunc('hour', at, 'UTC'), sum(CASE kind WHEN 'settle' THEN amount_micros ELSE -amount_micros END)
FROM transfer WHERE kind IN ('settle', 'refund') GROUP BY 1, 2;

DROP INDEX transfer_spending;
