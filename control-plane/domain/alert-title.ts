import type { DecodedEvent, VerdictName } from './ecs.js';
import { isMadeExecutable, mainOperation } from './operations.js';

interface Act {
  readonly did: string;
  readonly doing: string;
  /** After the file. */
  readonly into?: string;
}

const RAN: Readonly<Record<VerdictName, string>> = {
  allowed: 'ran',
  denied: 'was denied',
  killed: 'was killed before it ran',
  would_block: 'ran, and would be denied when enforced',
  undecided: 'ran, undecided',
};

/** By the main operation. */
const ACTS: Readonly<Record<string, Act>> = {
  createExecutable: { did: 'created executable', doing: 'creating executable' },
  modifyExecutable: { did: 'modified executable', doing: 'modifying executable' },
  createFile: { did: 'created', doing: 'creating' },
  modifyFile: { did: 'modified', doing: 'modifying' },
  deleteFile: { did: 'deleted', doing: 'deleting' },
  openFile: { did: 'opened', doing: 'opening' },
  renameFile: { did: 'renamed', doing: 'renaming' },
};
const LOADED: Act = { did: 'loaded', doing: 'loading' };
const MADE_EXECUTABLE: Act = { did: 'made', doing: 'making', into: ' executable' };
const UNKNOWN_ACT: Act = { did: 'acted on', doing: 'acting on' };

/** One sentence for whoever is woken by it: policy, who, what was done to which file, where. */
export function alertTitle(event: DecodedEvent, policyName: string): string {
  const where = event.container?.podName || event.container?.name || 'an unknown container';
  return `${policyName}: ${sentence(event)} in ${where}`;
}

function sentence(event: DecodedEvent): string {
  const { kind, executable, verdict } = event;
  if (kind !== 'load' && kind !== 'file') return `${executable || 'an executable'} ${RAN[verdict]}`;
  const act = actOf(event);
  return `${executable || 'a process'} ${actedOn(act, fileName(event) + (act.into ?? ''), verdict)}`;
}

/** A process that is killed in the act may have done it: only a denial says that it was not done. */
function actedOn({ did, doing }: Act, file: string, verdict: VerdictName): string {
  switch (verdict) {
    case 'allowed':
      return `${did} ${file}`;
    case 'denied':
      return `was denied ${doing} ${file}`;
    case 'killed':
      return `was killed ${doing} ${file}`;
    case 'would_block':
      return `${did} ${file}, and would be denied when enforced`;
    case 'undecided':
      return `${did} ${file}, undecided`;
  }
}

function actOf({ kind, operations }: DecodedEvent): Act {
  if (kind === 'load') return LOADED;
  const main = mainOperation(operations) ?? '';
  if (main === 'createExecutable' && isMadeExecutable(operations)) return MADE_EXECUTABLE;
  return ACTS[main] ?? UNKNOWN_ACT;
}

function fileName({ file }: DecodedEvent): string {
  const path = file?.path || 'a file';
  return file?.otherPath ? `${path} (other name ${file.otherPath})` : path;
}
