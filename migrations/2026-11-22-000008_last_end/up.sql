-- how a server's last run ended: a JSON object; absent where nobody saw an end
ALTER TABLE servers ADD COLUMN last_end TEXT;
