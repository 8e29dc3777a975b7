DROP TABLE keeps;
DROP TABLE announcements;
DELETE FROM counters WHERE name IN ('notices', 'announcement_id');
