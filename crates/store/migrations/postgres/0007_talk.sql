-- The longest talk of a binding, in seconds, where it asks for one.

ALTER TABLE binding ADD COLUMN talk_s_max integer;
