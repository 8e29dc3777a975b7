DROP TABLE entries;
DROP TRIGGER audit_is_not_shortened;
DROP TRIGGER audit_is_not_changed;
DROP TABLE audit;
DELETE FROM counters WHERE name = 'audit_id';
