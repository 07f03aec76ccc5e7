import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { listFiles, ROOT } from '../support/sources.js';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

describe('the map in README.md', () => {
  const named = [...readme.matchAll(/^\| `([a-z-]+\/[^`]*)` \|/gm)].map((match) => match[1] ?? '');

  it('names only folders that exist', () => {
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((folder) => !existsSync(join(ROOT, folder)))).toEqual([]);
  });

  it('names every top folder', () => {
    const top = new Set(
      listFiles()
        .filter((path) => path.includes('/') && !path.startsWith('.'))
        .map((path) => path.slice(0, path.indexOf('/'))),
    );
    const missing = [...top].filter(
      (folder) => !named.some((name) => name.startsWith(`${folder}/`)),
    );
    expect(missing).toEqual([]);
  });

  it('names every runtime dependency and why it is there', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const missing = Object.keys(manifest.dependencies).filter(
      (name) => !readme.includes(`| \`${name}\` |`),
    );
    expect(missing).toEqual([]);
  });
});

describe('links in the documentation', () => {
  const pages = listFiles('*.md');

  it.each(pages)('%s', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)];
    const broken = targets
      .map((match) => join(page, '..', match[1] ?? ''))
      .filter((path) => !existsSync(join(ROOT, path)));
    expect(broken).toEqual([]);
  });
});
