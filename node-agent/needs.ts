import type { ProbeResult } from './native/native.js';

/** What this machine lacks for an agent, one phrase each: causes only, not what follows from them. */
export function lackingFor(result: ProbeResult): readonly string[] {
  if (!result.root) return ['root'];
  if (!result.btf) return ['a kernel that tells its types (BTF, /sys/kernel/btf/vmlinux)'];
  return result.missing;
}
