import { randomUUID } from 'node:crypto';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

/**
 * Which bundle one node is to be offered: newer than what it has in force, none that it refused on this
 * stream, and one at a time. While one is under way, newer ones coalesce into the newest.
 */
export class Offers {
  /** undefined until Hello. */
  #applied: number | undefined;
  #refused: number | undefined;
  #underWay: { readonly revision: number; readonly nonce: string } | undefined;

  /** Again: an agent that begins anew. */
  hello(appliedRevision: number): void {
    this.#applied = appliedRevision;
  }

  /**
   * What the node says now and then. Where it has fallen back behind what it acknowledged, what it lost is
   * news again. An offer under way is answered first: what was said meanwhile may be older than the answer.
   */
  heartbeat(appliedRevision: number): void {
    if (!this.#underWay) this.#applied = appliedRevision;
  }

  get isGreeted(): boolean {
    return this.#applied !== undefined;
  }

  isNews(revision: number): boolean {
    if (this.#applied === undefined || this.#underWay) return false;
    return revision > this.#applied && revision !== this.#refused;
  }

  /** Its nonce. */
  offer(revision: number): string {
    const nonce = randomUUID();
    this.#underWay = { revision, nonce };
    return nonce;
  }

  /** The revision that is in force. @throws BulkheadError INVALID_ARGUMENT */
  acknowledge(nonce: string): number {
    this.#applied = this.#take(nonce);
    return this.#applied;
  }

  /** The revision that was refused. @throws BulkheadError INVALID_ARGUMENT */
  refuse(nonce: string): number {
    this.#refused = this.#take(nonce);
    return this.#refused;
  }

  /** What the answer is about; an answer to something else ends the stream. */
  #take(nonce: string): number {
    const underWay = this.#underWay;
    if (!underWay || underWay.nonce !== nonce) {
      throw new BulkheadError('INVALID_ARGUMENT', 'the answer names an update that was not sent');
    }
    this.#underWay = undefined;
    return underWay.revision;
  }
}
