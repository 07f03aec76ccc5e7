/** Words for what the kernel tells of files in numbers. */

const ORIGINS = ['', 'image', 'writable', 'memory', 'volume', 'unknown'] as const;

const TYPE_BITS = 0o170000;
/** ECS names the first three. */
const TYPES = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  char_device: 0o020000,
  block_device: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
} as const;

const ACCESS_BITS = 0o3;
const ACCESS_MODES = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'] as const;
/**
 * Flags with one number on x86-64 and arm64. The two give 0o40000 to 0o400000 to O_DIRECT, O_LARGEFILE,
 * O_DIRECTORY and O_NOFOLLOW in different orders, and a batch does not say which of them its node is.
 */
const OPEN_FLAGS = {
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_DSYNC: 0o10000,
  O_ASYNC: 0o20000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  O_SYNC: 0o4000000,
  O_PATH: 0o10000000,
  O_TMPFILE: 0o20000000,
} as const;

/** Of a value of ExecutableOrigin. */
export function originName(origin: number): string {
  return ORIGINS[origin] ?? 'unknown';
}

/** The permissions of a mode as ECS wants them: 0640. */
export function permissionsText(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** undefined: the mode tells no type. */
export function fileTypeName(mode: number): string | undefined {
  return wordOf(TYPES, mode & TYPE_BITS);
}

/** The access mode, then a word for each flag; those without one by their octal number. */
export function openFlagNames(flags: number): string[] {
  const bits = Array.from({ length: 32 }, (_, number) => (1 << number) >>> 0);
  return [
    ACCESS_MODES[flags & ACCESS_BITS] ?? '',
    ...bits
      .filter((bit) => flags & bit & ~ACCESS_BITS)
      .map((bit) => wordOf(OPEN_FLAGS, bit) ?? `0${bit.toString(8)}`),
  ];
}

function wordOf(words: Readonly<Record<string, number>>, number: number): string | undefined {
  return Object.entries(words).find(([, value]) => value === number)?.[0];
}
