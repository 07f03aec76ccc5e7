// Holds an engine until it is killed: the agent that dies. Arguments: object file, pin directory, and a
// file that says what an agent of another version tells its own programs (survival.test.ts writes it).
import { readFileSync } from 'node:fs';
import { openEngine } from '../../dist/node-agent/native/native.js';

const [objectPath, pinDirectory, statePath] = process.argv.slice(2);
console.log('opening');
const engine = openEngine({ objectPath, pinDirectory });
if (statePath !== undefined && (!engine.adopted || engine.supersedes)) {
  const state = JSON.parse(readFileSync(statePath, 'utf8'));
  const bytes = (text) => Buffer.from(text, 'base64');
  const cgroupId = BigInt(state.cgroupId);
  engine.watchCgroup(BigInt(state.watched));
  engine.setPolicySet(1, bytes(state.table), state.responses.map(bytes), bytes(state.automaton));
  engine.setContainer({
    ...{ cgroupId, activeSet: 1, rootDevice: BigInt(state.rootDevice) },
    facts: bytes(state.facts),
  });
  engine.removeSuperseded();
}
engine.start({ onBatch: () => undefined });
console.log(JSON.stringify({ adopted: engine.adopted }));
