import { policySchema } from '../../../proto/ts/policy/schema.js';
import { readArguments } from '../arguments.js';
import { type Command, EXIT } from '../command.js';
import { printJson } from '../output.js';

const HELP = `bulkhead policy schema [--json]

Prints the JSON Schema of policy documents, for editors. In VS Code, with its YAML extension:

  bulkhead policy schema > policy.schema.json
  # yaml-language-server: $schema=policy.schema.json      (first line of a policy)

  --json     changes nothing: a schema is JSON

Exit codes: 0, 2 usage.
`;

export const schema: Command = {
  help: HELP,
  run: async (args, io) => {
    readArguments(args, { flags: ['json'], texts: [], operands: { what: '', min: 0, max: 0 } });
    printJson(io.stdout, policySchema());
    return EXIT.fine;
  },
};
