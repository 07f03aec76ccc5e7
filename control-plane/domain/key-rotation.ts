/**
 * A key of the installation is changed in three steps, so that nobody is lost who was not there.
 *
 * | state    | since    | is trusted | CA: issues to nodes | CA: issues to servers | signs bundles |
 * |----------|----------|------------|---------------------|-----------------------|---------------|
 * | next     | begin    | yes        | no                  | no                    | no            |
 * | active   | activate | yes        | yes                 | if none is retiring   | yes           |
 * | retiring | activate | yes        | no                  | yes                   | yes           |
 * | retired  | finish   | no         | no                  | no                    | no            |
 *
 * begin: a next key is made, and all agents are told of it. activate: next -> active -> retiring. An
 * agent that has not heard of the new key yet is still shown a server of the old authority, and bundles
 * with the old key's signature beside the new one's: it connects, and is told. finish: retiring ->
 * retired; the private key is erased.
 *
 * There is at most one key in each state but retired. A step moves what it found: of two at once, one
 * is refused.
 */
export const ROTATION_STEPS = ['begin', 'activate', 'finish', 'status'] as const;
export type RotationStep = (typeof ROTATION_STEPS)[number];

export const KEY_STATES = ['next', 'active', 'retiring', 'retired'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export interface RotatedKey {
  readonly id: string;
  readonly state: KeyState;
  /** When it came into its state. */
  readonly changedAt: Date;
}

/** What a step does to the keys that are there; 'make' a next one. */
export type Move = 'make' | { readonly id: string; readonly from: KeyState; readonly to: KeyState };

/** Replicas look for changed keys at least so often, beside being told. */
export const KEYS_POLL_MS = 20_000;
/** After so long every replica goes by a change. */
export const KEYS_SETTLE_MS = 3 * KEYS_POLL_MS;

/**
 * The moves of a step, in their order.
 * @throws Error where the keys are not in the states that it begins with
 */
export function movesOf(
  step: Exclude<RotationStep, 'status'>,
  keys: readonly RotatedKey[],
): Move[] {
  const [next, active, retiring] = (['next', 'active', 'retiring'] as const).map((state) =>
    keys.find((key) => key.state === state),
  );
  switch (step) {
    case 'begin':
      if (next) throw new Error('there is a next key already: go on with --step=activate');
      if (retiring) throw new Error('the change before is not finished: --step=finish');
      return ['make'];
    case 'activate':
      if (!next || !active) throw new Error('there is no next key: begin with --step=begin');
      return [
        { id: active.id, from: 'active', to: 'retiring' },
        { id: next.id, from: 'next', to: 'active' },
      ];
    case 'finish':
      if (!retiring) throw new Error('there is no retiring key: nothing is to be finished');
      return [{ id: retiring.id, from: 'retiring', to: 'retired' }];
  }
}

/** How long a step has to wait until every replica goes by the step before; 0: not at all. */
export function unsettledMs(
  step: RotationStep,
  keys: readonly RotatedKey[],
  settleMs: number,
  now: Date,
): number {
  const state = { begin: undefined, status: undefined, activate: 'next', finish: 'retiring' }[step];
  const key = keys.find((each) => each.state === state);
  return key ? Math.max(0, key.changedAt.getTime() + settleMs - now.getTime()) : 0;
}
