import type { File__Output } from '../../proto/ts/gen/bulkhead/v1/File.js';
import type { EcsDocument } from './ecs-document.js';
import { fileTypeName, openFlagNames, originName, permissionsText } from './file-words.js';

const VOLUMES: Readonly<Record<string, string>> = {
  TARGET_VOLUME_NONE: 'none',
  TARGET_VOLUME_DIRECTORY: 'directory',
  TARGET_VOLUME_FILE: 'file',
};

/** `file`: the file acted on. */
export function fileToEcs(file: File__Output, strings: readonly string[]): EcsDocument {
  const path = strings[file.pathString] ?? '';
  const { name, directory, extension } = pathParts(path);
  const type = fileTypeName(file.mode);
  return {
    ...(path && { path }),
    ...(name && { name }),
    ...(directory && { directory }),
    ...(extension && { extension }),
    ...(type && { type }),
    ...(file.inode !== '0' && { inode: file.inode }),
    ...(file.mode !== 0 && { mode: permissionsText(file.mode) }),
  };
}

/** `dll`, ECS' field set for what a process loads, shared objects included: it has a name and a path. */
export function libraryToEcs(file: File__Output, strings: readonly string[]): EcsDocument {
  const path = strings[file.pathString] ?? '';
  const { name } = pathParts(path);
  return { ...(path && { path }), ...(name && { name }) };
}

/** `bulkhead.file`: what ECS has no field for. */
export function fileDetailsToEcs(file: File__Output, strings: readonly string[]): EcsDocument {
  const volume = VOLUMES[file.volume];
  return {
    ...(file.otherPathString > 0 && { other_path: strings[file.otherPathString] ?? '' }),
    ...(file.origin !== 0 && { origin: originName(file.origin) }),
    ...(volume && { volume }),
    ...(file.openFlags !== 0 && { open_flags: openFlagNames(file.openFlags) }),
    ...(file.newMode !== 0 && { new_mode: permissionsText(file.newMode) }),
  };
}

/** Empty where the path has no such part. */
function pathParts(path: string): { name: string; directory: string; extension: string } {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  const dot = name.lastIndexOf('.');
  return {
    name,
    directory: slash === 0 && name ? '/' : path.slice(0, Math.max(slash, 0)),
    extension: dot > 0 ? name.slice(dot + 1) : '',
  };
}
