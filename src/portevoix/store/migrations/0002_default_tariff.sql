-- The tariff that every account pays until the operator imports another: France and its overseas territories.
-- An import under the name 'default' replaces it from its date on.

WITH t AS (
    INSERT INTO tariff (name, is_default, created_at) VALUES ('default', true, now()) RETURNING id
), r AS (
    INSERT INTO tariff_revision (tariff_id, effective_from, imported_at) SELECT id, '2020-01-01T00:00:00Z', now() FROM t RETURNING id
), overseas (prefix) AS (
    -- Réunion and Mayotte, Guadeloupe, Guyane, Martinique, Saint-Pierre-et-Miquelon, Wallis-et-Futuna,
    -- Nouvelle-Calédonie, Polynésie
    VALUES ('262'), ('590'), ('594'), ('596'), ('508'), ('681'), ('687'), ('689')
)
INSERT INTO rate (revision_id, product, prefix, price_micros, connection_micros, minimum_s, increment_s)
SELECT r.id, 'voice_mobile', '33', 60000, 0, 0, 1 FROM r
UNION ALL SELECT r.id, 'voice_landline', '33', 30000, 0, 0, 1 FROM r
UNION ALL SELECT r.id, 'deposit', '33', 150000, 0, 0, 1 FROM r
UNION ALL SELECT r.id, 'voice_mobile', prefix, 240000, 0, 30, 6 FROM r CROSS JOIN overseas
UNION ALL SELECT r.id, 'voice_landline', prefix, 150000, 0, 30, 6 FROM r CROSS JOIN overseas
UNION ALL SELECT r.id, 'deposit', prefix, 250000, 0, 0, 1 FROM r CROSS JOIN overseas;
