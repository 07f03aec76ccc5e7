import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly SourceImport[];
}

export interface SourceImport {
  readonly line: string;
  /** As written for a package, from the repository's root for a file. */
  readonly target: string;
  readonly isOurs: boolean;
}

const IMPORT = /^\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/gm;

/** Every TypeScript file that git tracks or would track, without the generated ones. */
export function listSources(): SourceFile[] {
  return listFiles('*.ts')
    .filter((path) => !path.startsWith('proto/ts/gen/'))
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });
}

export function listFiles(...patterns: string[]): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...patterns];
  const paths = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  return paths.filter((path) => path !== '');
}

function importsOf(path: string, text: string): SourceImport[] {
  return [...text.matchAll(IMPORT)].map((match) => {
    const written = match[1] ?? match[2] ?? '';
    const isOurs = written.startsWith('.');
    const target = isOurs ? normalize(join(dirname(path), written)) : written;
    return { line: match[0].trim(), target, isOurs };
  });
}
