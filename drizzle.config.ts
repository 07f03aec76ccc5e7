import { defineConfig } from 'drizzle-kit';

/** `npx drizzle-kit generate --name <what>` after a change of the schema; then read and complete the SQL. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './control-plane/store/schema/*.ts',
  out: './migrations',
});
