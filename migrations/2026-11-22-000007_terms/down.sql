DROP TABLE accepted_terms;
