/** What every technique of exec and load, and all legitimate work, is run under. */
export const FORBID_DRIFT = `
process:
  selectors:
    - name: drifted
      operation: [exec, load]
      executableOrigin: [writable, memory, volume]
  responses:
    - match: [drifted]
      actions: [alert, block]
`;

/** Forbids one operation on the files that the image keeps below /etc/protected. */
export function protectFiles(operation: string): string {
  return `
file:
  selectors:
    - name: protected
      operation: [${operation}]
      targetFilePath: [/etc/protected/**]
  responses:
    - match: [protected]
      actions: [alert, block]
`;
}
