// Ends what postgres-setup.mjs started, in the same process.

// biome-ignore lint/style/noDefaultExport: jest calls the default export
export default async function teardown() {
  await globalThis.stopTestPostgres?.();
}
