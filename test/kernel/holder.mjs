// Holds an engine until it is killed: the agent that dies. Arguments: object file, pin directory.
import { openEngine } from '../../dist/node-agent/native/native.js';

const [objectPath, pinDirectory] = process.argv.slice(2);
const engine = openEngine({ objectPath, pinDirectory });
engine.start({ onBatch: () => undefined });
console.log(JSON.stringify({ adopted: engine.adopted }));
