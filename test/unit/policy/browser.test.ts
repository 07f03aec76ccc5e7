import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import vm from 'node:vm';
import { expect, it } from '@jest/globals';
import { transformSync } from '@swc/core';
import protobuf from 'protobufjs/minimal.js';
import { ROOT } from '../../support/sources.js';

/*
 * The language as a browser would load it: in a realm that has ECMAScript and the encoders, and
 * nothing of Node. yaml is its browser build; protobufjs comes from outside, it has one of its own.
 */
const YAML = dirname(createRequire(import.meta.url).resolve('yaml/package.json'));

class Realm {
  readonly context = vm.createContext({ TextEncoder, TextDecoder });
  readonly #modules = new Map<string, vm.Module>();

  async load(path: string): Promise<vm.Module> {
    const module = this.#moduleAt(path);
    // One that another has imported is linked and run already.
    if (module.status === 'unlinked') {
      await module.link((specifier, from) => this.#resolve(specifier, from.identifier));
    }
    if (module.status === 'linked') await module.evaluate();
    return module;
  }

  #resolve(specifier: string, from: string): vm.Module {
    if (specifier === 'protobufjs/minimal.js') return this.#outside(specifier);
    if (specifier === 'yaml') return this.#moduleAt(join(YAML, 'browser/index.js'));
    if (!specifier.startsWith('.')) throw new Error(`${from} imports ${specifier}`);
    return this.#moduleAt(resolve(dirname(from), specifier));
  }

  #moduleAt(path: string): vm.Module {
    const known = this.#modules.get(path);
    if (known) return known;
    const isOurs = path.startsWith(join(ROOT, 'proto'));
    const text = readFileSync(isOurs ? path.replace(/\.js$/, '.ts') : path, 'utf8');
    const code = isOurs
      ? transformSync(text, {
          jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
          module: { type: 'es6' },
        }).code
      : text;
    const module = new vm.SourceTextModule(code, { context: this.context, identifier: path });
    this.#modules.set(path, module);
    return module;
  }

  #outside(name: string): vm.Module {
    const known = this.#modules.get(name);
    if (known) return known;
    const module = new vm.SyntheticModule(
      ['default'],
      () => module.setExport('default', protobuf),
      { context: this.context, identifier: name },
    );
    this.#modules.set(name, module);
    return module;
  }
}

it('parses, compiles and matches without anything of Node', async () => {
  const realm = new Realm();
  const policy = join(ROOT, 'proto/ts/policy');
  const names = ['parse', 'canonical', 'bind', 'match', 'explain', 'schema', 'edit', 'format'];
  const modules = new Map<string, vm.Module>();
  for (const name of names) modules.set(name, await realm.load(join(policy, `${name}.js`)));
  const call = (module: string, name: string, ...args: readonly unknown[]) => {
    const namespace: Record<string, unknown> = { ...modules.get(module)?.namespace };
    const found = namespace[name];
    if (typeof found !== 'function') throw new Error(`${module} has no ${name}`);
    return found(...args);
  };
  const { policy: parsed, problems } = call(
    'parse',
    'parsePolicy',
    'process: {selectors: [{name: a, processExecutable: [/tmp/**]}], responses: [{match: [a], actions: [alert]}]}',
  );
  expect(problems).toHaveLength(0);
  expect(call('canonical', 'encodePolicy', parsed).length).toBeGreaterThan(10);
  const bundled = [{ policyId: 'p', version: 1, name: 'p', mode: 'enforce', policy: parsed }];
  const { result } = call('explain', 'explain', bundled, undefined, {
    operations: ['exec'],
    executable: '/tmp/x/y',
  });
  expect([...result.actions]).toEqual(['alert']);
  expect(call('schema', 'policySchema').$schema).toContain('2020-12');
  expect(call('format', 'formatPolicy', 'a:   1').ok).toBe(true);
});
