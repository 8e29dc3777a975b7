DROP TABLE culled;
