/** One selector and one response around a selector's conditions. */
export const withConditions = (conditions: string): string =>
  `process:\n  selectors:\n    - name: a\n      ${conditions}\n  responses:\n    - match: [a]\n      actions: [log]\n`;
/** One response, as it stands behind `- `, beside one selector. */
export const withResponse = (response: string): string =>
  `process:\n  selectors:\n    - name: a\n      operation: [exec]\n  responses:\n    - ${response}\n`;
