-- What an account may over trunks, where that differs from what every account may (docs/decisions/0051). Written as the
-- settings are; of the live account alone, as a sandbox's phones are simulated.
ALTER TABLE account
    ADD COLUMN own_cap text,
    ADD COLUMN own_countries text,
    ADD CONSTRAINT account_own_cap_written CHECK (
        own_cap ~ '^([0-9]+|off)/([0-9]+|off)$' AND length(own_cap) < 20) NOT VALID,
    ADD CONSTRAINT account_own_countries_written CHECK (
        own_countries ~ '^[a-z][a-z]( [a-z][a-z])*$') NOT VALID,
    ADD CONSTRAINT account_sandbox_has_no_allowance CHECK (
        mode = 'live' OR own_cap IS NULL AND own_countries IS NULL) NOT VALID;
