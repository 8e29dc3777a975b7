ALTER TABLE servers DROP COLUMN last_end;
