-- The ledger's invariants, each as a query for the rows that break it: (row, detail).

-- name: balance_is_sum_of_transfers
SELECT 'account ' || a.id AS row,
    format('available %s and held %s stand there, the transfers say %s and %s', a.available_micros, a.held_micros,
        coalesce(p.available, 0), coalesce(p.held, 0)) AS detail
FROM account a LEFT JOIN (
    SELECT account_id, sum(change_micros) FILTER (WHERE side = 'available') AS available,
        sum(change_micros) FILTER (WHERE side = 'held') AS held
    FROM posting GROUP BY account_id) p ON p.account_id = a.id
WHERE a.available_micros <> coalesce(p.available, 0) OR a.held_micros <> coalesce(p.held, 0)
ORDER BY a.id;

-- name: running_balance_is_unbroken
SELECT 'transfer ' || id AS row,
    format('available after it is %s, the transfer before it says %s', available_after_micros, before_micros + change_micros) AS detail
FROM (
    SELECT t.id, t.available_after_micros, p.change_micros,
        coalesce(lag(t.available_after_micros) OVER (PARTITION BY t.account_id ORDER BY t.id), 0) AS before_micros
    FROM every_transfer t JOIN (
        SELECT transfer_id, coalesce(sum(change_micros) FILTER (WHERE side = 'available'), 0) AS change_micros
        FROM posting GROUP BY transfer_id) p ON p.transfer_id = t.id) s
WHERE available_after_micros <> before_micros + change_micros
ORDER BY id;

-- name: held_is_sum_of_open_holds
SELECT 'account ' || a.id AS row, format('held %s stands there, its open holds are %s', a.held_micros, coalesce(h.open, 0)) AS detail
FROM account a LEFT JOIN (
    SELECT account_id, sum(amount_micros) AS open FROM every_hold WHERE settled_micros IS NULL GROUP BY account_id) h ON h.account_id = a.id
WHERE a.held_micros <> coalesce(h.open, 0)
ORDER BY a.id;

-- name: available_is_sum_of_grants
SELECT 'account ' || a.id AS row,
    format('available %s stands there, its grants have %s left', a.available_micros, coalesce(g.remaining, 0)) AS detail
FROM account a LEFT JOIN (
    SELECT account_id, sum(remaining_micros) AS remaining FROM credit_grant GROUP BY account_id) g ON g.account_id = a.id
WHERE a.available_micros <> coalesce(g.remaining, 0)
ORDER BY a.id;

-- name: grant_is_what_was_not_drawn
SELECT 'grant ' || g.id AS row,
    format('%s left stands there, the draws leave %s', g.remaining_micros, g.amount_micros - coalesce(d.drawn, 0)) AS detail
FROM credit_grant g LEFT JOIN (
    SELECT grant_id, sum(coalesce(settled_micros, amount_micros)) AS drawn FROM every_draw GROUP BY grant_id) d ON d.grant_id = g.id
WHERE g.remaining_micros <> g.amount_micros - coalesce(d.drawn, 0)
ORDER BY g.id;

-- name: hold_is_sum_of_its_draws
SELECT 'hold ' || h.id AS row,
    format('amount %s, settled %s stand there, its draws say %s, %s', h.amount_micros, h.settled_micros, d.amount, d.settled) AS detail
FROM every_hold h LEFT JOIN (
    SELECT hold_id, sum(amount_micros) AS amount, CASE WHEN bool_or(settled_micros IS NULL) THEN NULL ELSE sum(settled_micros) END AS settled
    FROM every_draw WHERE hold_id IS NOT NULL GROUP BY hold_id) d ON d.hold_id = h.id
WHERE d.amount IS DISTINCT FROM h.amount_micros OR d.settled IS DISTINCT FROM h.settled_micros
ORDER BY h.id;

-- name: hold_agrees_with_its_transfers
SELECT 'hold ' || h.id AS row,
    format('reserved %s, settled %s, refunded %s stand there, its transfers say %s, %s, %s and released %s',
        h.amount_micros, h.settled_micros, h.refunded_micros, t.reserved, t.settled, t.refunded, t.released) AS detail
FROM every_hold h LEFT JOIN (
    SELECT hold_id, coalesce(sum(amount_micros) FILTER (WHERE kind = 'reserve'), 0) AS reserved,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'settle'), 0) AS settled,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'release'), 0) AS released,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'refund'), 0) AS refunded,
        count(DISTINCT account_id) AS accounts, min(account_id) AS account_id
    FROM every_transfer WHERE hold_id IS NOT NULL GROUP BY hold_id) t ON t.hold_id = h.id
WHERE t.reserved IS DISTINCT FROM h.amount_micros OR t.settled <> coalesce(h.settled_micros, 0)
    OR t.released <> coalesce(h.amount_micros - h.settled_micros, 0) OR t.refunded <> h.refunded_micros
    OR t.accounts <> 1 OR t.account_id <> h.account_id
ORDER BY h.id;

-- name: allotment_has_two_halves
SELECT 'transfer ' || coalesce(o.id, i.id) AS row, format('%s went out, %s came in', o.amount_micros, i.amount_micros) AS detail
FROM (SELECT * FROM every_transfer WHERE kind = 'allotment_out') o
FULL JOIN (SELECT * FROM every_transfer WHERE kind = 'allotment_in') i ON i.counterpart_id = o.id
WHERE o.amount_micros IS DISTINCT FROM i.amount_micros
ORDER BY 1;

-- name: grant_agrees_with_its_transfer
SELECT 'transfer ' || t.id AS row, format('it gave %s, its grants are %s', t.amount_micros, g.granted) AS detail
FROM every_transfer t LEFT JOIN (
    SELECT transfer_id, sum(amount_micros) AS granted, count(DISTINCT account_id) AS accounts, min(account_id) AS account_id
    FROM credit_grant GROUP BY transfer_id) g ON g.transfer_id = t.id
WHERE (t.kind IN ('top_up', 'refund', 'adjustment_credit', 'allotment_in')
        AND (g.granted IS DISTINCT FROM t.amount_micros OR g.accounts <> 1 OR g.account_id <> t.account_id))
    OR (t.kind NOT IN ('top_up', 'refund', 'adjustment_credit', 'allotment_in') AND g.granted IS NOT NULL)
ORDER BY t.id;

-- name: debit_is_sum_of_its_draws
SELECT 'transfer ' || t.id AS row, format('it took %s, its draws are %s', t.amount_micros, d.drawn) AS detail
FROM every_transfer t LEFT JOIN (
    SELECT transfer_id, sum(amount_micros) AS drawn FROM every_draw WHERE transfer_id IS NOT NULL GROUP BY transfer_id) d ON d.transfer_id = t.id
WHERE (t.kind IN ('adjustment_debit', 'allotment_out', 'expiry') AND d.drawn IS DISTINCT FROM t.amount_micros)
    OR (t.kind NOT IN ('adjustment_debit', 'allotment_out', 'expiry') AND d.drawn IS NOT NULL)
ORDER BY t.id;

-- name: expiry_is_known_in_time
SELECT 'account ' || a.id AS row, format('the next expiry stands as %s, a grant lapses at %s', a.next_expiry_at, g.earliest) AS detail
FROM account a JOIN (
    SELECT account_id, min(expires_at) AS earliest FROM credit_grant WHERE is_spendable AND expires_at IS NOT NULL
    GROUP BY account_id) g ON g.account_id = a.id
WHERE a.next_expiry_at IS NULL OR a.next_expiry_at > g.earliest
ORDER BY a.id;

-- name: postings_add_up_to_nought
SELECT 'transfer ' || transfer_id AS row, format('its sides add up to %s', sum(change_micros)) AS detail
FROM posting GROUP BY transfer_id HAVING sum(change_micros) <> 0
ORDER BY transfer_id;

-- name: spending_is_what_was_settled
SELECT 'account ' || coalesce(s.account_id, t.account_id) AS row,
    format('%s spent stands there from %s on, the transfers say %s', coalesce(s.micros, 0), coalesce(s.hour, t.hour),
        coalesce(t.micros, 0)) AS detail
FROM spending s FULL JOIN (
    SELECT account_id, date_trunc('hour', at, 'UTC') AS hour,
        sum(CASE kind WHEN 'settle' THEN amount_micros ELSE -amount_micros END) AS micros
    FROM every_transfer WHERE kind IN ('settle', 'refund') GROUP BY 1, 2) t USING (account_id, hour)
WHERE coalesce(s.micros, 0) <> coalesce(t.micros, 0)
ORDER BY 1;

-- name: row_has_its_parents
SELECT 'hold ' || h.id AS row, format('there is no account %s', h.account_id) AS detail
FROM every_hold h WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = h.account_id)
UNION ALL
SELECT 'transfer ' || t.id, format('there is no account %s', t.account_id)
FROM every_transfer t WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = t.account_id)
UNION ALL
SELECT 'transfer ' || t.id, format('there is no hold %s', t.hold_id)
FROM every_transfer t WHERE t.hold_id IS NOT NULL AND NOT EXISTS (SELECT FROM every_hold h WHERE h.id = t.hold_id)
UNION ALL
SELECT 'draw on grant ' || d.grant_id, 'there is no such grant'
FROM every_draw d WHERE NOT EXISTS (SELECT FROM credit_grant g WHERE g.id = d.grant_id)
UNION ALL
SELECT 'draw on grant ' || d.grant_id, format('there is no hold %s', d.hold_id)
FROM every_draw d WHERE d.hold_id IS NOT NULL AND NOT EXISTS (SELECT FROM every_hold h WHERE h.id = d.hold_id)
UNION ALL
SELECT 'draw on grant ' || d.grant_id, format('there is no transfer %s', d.transfer_id)
FROM every_draw d WHERE d.transfer_id IS NOT NULL AND NOT EXISTS (SELECT FROM every_transfer t WHERE t.id = d.transfer_id);

-- name: call_agrees_with_its_hold
SELECT 'call ' || c.id AS row,
    format('%s set aside and cost %s stand there in state %s, its hold has %s, settled %s', c.reserved_micros, c.cost_micros, c.state,
        h.amount_micros, h.settled_micros) AS detail
FROM every_call c LEFT JOIN every_hold h ON h.id = c.hold_id
WHERE c.hold_id IS NOT NULL AND (h.id IS NULL OR h.account_id <> c.account_id OR h.amount_micros <> c.reserved_micros
    OR h.settled_micros IS DISTINCT FROM c.cost_micros)
ORDER BY c.id;

-- name: campaign_agrees_with_its_calls
-- But for those whose calls were erased.
SELECT 'campaign ' || p.id AS row,
    format('%s calls, %s open, %s delivered, %s cancelled, %s set aside, %s held, %s settled stand there; its calls say %s, %s, %s, %s, %s, %s, %s',
        p.total, p.open, p.delivered, p.cancelled, p.reserved_micros, p.held_micros, p.settled_micros, c.total, c.open, c.delivered,
        c.cancelled, c.reserved, c.held, c.settled) AS detail
FROM campaign p LEFT JOIN (
    SELECT campaign_id, count(*) AS total, count(*) FILTER (WHERE cost_micros IS NULL) AS open,
        count(*) FILTER (WHERE state = 'finished') AS delivered, count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        sum(reserved_micros) AS reserved, coalesce(sum(reserved_micros) FILTER (WHERE cost_micros IS NULL), 0) AS held,
        coalesce(sum(cost_micros), 0) AS settled
    FROM every_call GROUP BY campaign_id) c ON c.campaign_id = p.id
LEFT JOIN past_month m ON m.month = date_trunc('month', p.finished_at AT TIME ZONE 'UTC')::date
WHERE (p.archived_at <= m.calls_erased_at) IS NOT TRUE AND (p.total, p.open, p.delivered, p.cancelled, p.reserved_micros, p.held_micros, p.settled_micros)
    IS DISTINCT FROM (c.total, c.open, c.delivered, c.cancelled, c.reserved, c.held, c.settled)
ORDER BY p.id;

-- name: call_was_dialled_as_often_as_it_says
SELECT 'call ' || c.id AS row, format('%s attempts stand there, %s are kept', c.attempt, coalesce(a.count, 0)) AS detail
FROM every_call c LEFT JOIN (
    SELECT call_id, count(*) AS count, max(number) AS latest FROM every_attempt GROUP BY call_id) a ON a.call_id = c.id
WHERE c.attempt <> coalesce(a.count, 0) OR c.attempt <> coalesce(a.latest, 0)
ORDER BY c.id;

-- name: call_has_its_parents
SELECT 'call ' || c.id AS row, format('there is no campaign %s of account %s', c.campaign_id, c.account_id) AS detail
FROM every_call c WHERE NOT EXISTS (SELECT FROM campaign p WHERE p.id = c.campaign_id AND p.account_id = c.account_id)
UNION ALL
SELECT 'attempt of call ' || a.call_id, format('there is no such call of account %s', a.account_id)
FROM every_attempt a WHERE NOT EXISTS (SELECT FROM every_call c WHERE c.id = a.call_id AND c.account_id = a.account_id);

-- name: row_stands_once
-- What was archived left the tables of what is open and recent, for one month.
SELECT 'transfer ' || id AS row, format('it stands %s times', count(*)) AS detail FROM every_transfer GROUP BY id HAVING count(*) > 1
UNION ALL
SELECT 'hold ' || id, format('it stands %s times', count(*)) FROM every_hold GROUP BY id HAVING count(*) > 1
UNION ALL
SELECT 'draw of hold ' || hold_id, format('it stands %s times', count(*)) FROM every_draw WHERE hold_id IS NOT NULL
GROUP BY hold_id, grant_id HAVING count(*) > 1
UNION ALL
SELECT 'call ' || id, format('it stands %s times', count(*)) FROM every_call GROUP BY id HAVING count(*) > 1
UNION ALL
SELECT 'attempt of call ' || call_id, format('it stands %s times', count(*)) FROM every_attempt GROUP BY call_id, number
HAVING count(*) > 1
UNION ALL
SELECT 'webhook ' || id, format('it stands %s times', count(*)) FROM every_webhook GROUP BY id HAVING count(*) > 1;

-- name: past_row_is_in_its_month
-- A month is whole: what it has of a hold is all of it, and its calls are those of the campaigns that were over in it.
SELECT 'transfer ' || t.id AS row, format('it is of %s, its hold of %s', t.month, h.month) AS detail
FROM past_transfer t LEFT JOIN past_hold h ON h.id = t.hold_id WHERE t.month IS DISTINCT FROM h.month
UNION ALL
SELECT 'draw of hold ' || d.hold_id, format('it is of %s, its hold of %s', d.month, h.month)
FROM past_draw d LEFT JOIN past_hold h ON h.id = d.hold_id WHERE d.month IS DISTINCT FROM h.month
UNION ALL
SELECT 'call ' || c.id, format('it is of %s, its campaign was over at %s', c.month, p.finished_at)
FROM past_call c LEFT JOIN campaign p ON p.id = c.campaign_id
WHERE c.month IS DISTINCT FROM date_trunc('month', p.finished_at AT TIME ZONE 'UTC')::date
UNION ALL
SELECT 'call ' || c.id, format('it is of %s, its hold of %s', c.month, h.month)
FROM past_call c LEFT JOIN past_hold h ON h.id = c.hold_id WHERE c.hold_id IS NOT NULL AND c.month IS DISTINCT FROM h.month;
