-- Retention removes closed alerts: for each of them Postgres, and the statement itself, looks for its deliveries.
CREATE INDEX "outbox_alert" ON "outbox" USING btree ("tenant_id","alert_id");