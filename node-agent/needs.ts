import { type ExecBackend, NativeError, type ProbeResult, probe } from './native/native.js';

/**
 * What this machine offers to an agent; `missing` tells causes only, one phrase each, not what follows
 * from them. That the addon or the programs were not built is one of them.
 */
export function probeMachine(backends: readonly ExecBackend[] | undefined): ProbeResult {
  try {
    const result = probe({ ...(backends && { backends }) });
    return { ...result, missing: causesOf(result) };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const root = process.getuid?.() === 0;
    const cause =
      error.code === 'ADDON_MISSING' ? 'the native addon (npm run build makes it)' : error.message;
    return { btf: false, bpf: false, root, hooks: [], missing: [cause] };
  }
}

function causesOf(result: ProbeResult): readonly string[] {
  if (!result.root) return ['root'];
  if (!result.btf) return ['a kernel that tells its types (BTF, /sys/kernel/btf/vmlinux)'];
  return result.missing;
}
