-- What a call's row holds of people beside their numbers is sealed with the key of its month too:
-- new rows leave user_data and verify_* empty. Rows from before keep theirs until they are dropped
-- with their month.

ALTER TABLE call ADD COLUMN sealed_user_data bytea;
ALTER TABLE call ADD COLUMN sealed_verification bytea;
