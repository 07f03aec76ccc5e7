import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodePolicy } from '../../../proto/ts/policy/canonical.js';
import {
  addResponse,
  addSelector,
  duplicateResponse,
  duplicateSelector,
  type EditResult,
  removeResponse,
  removeSelector,
  renameSelector,
  setCondition,
} from '../../../proto/ts/policy/edit.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { layouts, type Model, type ModelSection, models, strewn } from './strewn-documents.js';

const applied = (result: EditResult): string => {
  if (!result.ok) throw new Error(`${result.reason}: ${result.message}`);
  return result.text;
};

/** What a document says: its canonical bytes, or what is wrong with it. */
const meaning = (text: string): string => {
  const { policy, problems } = parsePolicy(text);
  const errors = problems.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  return policy ? Buffer.from(encodePolicy(policy)).toString('hex') : errors.sort().join();
};
const meaningOf = (model: object): string => meaning(JSON.stringify(model));

const withSection = (model: Model, section: ModelSection): object => {
  const { selectors, responses } = section;
  const lists = {
    ...(selectors.length > 0 && { selectors }),
    ...(responses.length > 0 && { responses }),
  };
  const { process: _, ...others } = model;
  return { ...others, ...(Object.keys(lists).length > 0 && { process: lists }) };
};

/** Each edit on text and on plain data; `which` chooses what it is done to. */
const EDITS: Record<
  string,
  (text: string, section: ModelSection, which: number) => [EditResult, ModelSection]
> = {
  addSelector(text, section) {
    const selector = { name: 'fresh', processName: ['sh'] };
    const selectors = [...section.selectors, selector];
    return [addSelector(text, 'process', selector), { ...section, selectors }];
  },
  addResponse(text, section) {
    const response = { match: [section.selectors[0]?.name ?? ''], actions: ['log'] };
    const responses = [...section.responses, response];
    return [addResponse(text, 'process', response), { ...section, responses }];
  },
  renameSelector(text, section, which) {
    const name = section.selectors[which % section.selectors.length]?.name ?? '';
    const rename = (one: string): string => (one === name ? 'fresh' : one);
    const selectors = section.selectors.map((one) => ({ ...one, name: rename(one.name) }));
    const responses = section.responses.map(({ match, exclude, actions }) => ({
      match: match.map(rename),
      ...(exclude && { exclude: exclude.map(rename) }),
      actions,
    }));
    return [renameSelector(text, 'process', name, 'fresh'), { selectors, responses }];
  },
  removeSelector(text, section, which) {
    const name = section.selectors[which % section.selectors.length]?.name ?? '';
    const isOther = (one: string): boolean => one !== name;
    const selectors = section.selectors.filter((one) => isOther(one.name));
    const responses = section.responses
      .map(({ match, exclude = [], actions }) => {
        const left = exclude.filter(isOther);
        return { match: match.filter(isOther), ...(left.length > 0 && { exclude: left }), actions };
      })
      .filter(({ match }) => match.length > 0);
    const result = removeSelector(text, 'process', name, { references: 'remove' });
    return [result, { selectors, responses }];
  },
  removeResponse(text, section, which) {
    const at = which % section.responses.length;
    const responses = section.responses.filter((_, index) => index !== at);
    return [removeResponse(text, 'process', at), { ...section, responses }];
  },
  duplicateSelector(text, section, which) {
    const selector = section.selectors[which % section.selectors.length] ?? { name: '' };
    const selectors = [...section.selectors, { ...selector, name: 'fresh' }];
    const result = duplicateSelector(text, 'process', selector.name, 'fresh');
    return [result, { ...section, selectors }];
  },
  duplicateResponse(text, section, which) {
    const result = duplicateResponse(text, 'process', which % section.responses.length);
    // Twice the same response means what it means once.
    return [result, section];
  },
  setCondition(text, section, which) {
    const at = which % section.selectors.length;
    const name = section.selectors[at]?.name ?? '';
    const values = [['exec'], ['load', 'exec'], ['fork', 'exec', 'load']];
    const operation = values[which % values.length] ?? [];
    const selectors = section.selectors.map((one, index) =>
      index === at ? { ...one, operation } : one,
    );
    return [setCondition(text, 'process', name, 'operation', operation), { ...section, selectors }];
  },
  unsetCondition(text, section, which) {
    const at = which % section.selectors.length;
    const name = section.selectors[at]?.name ?? '';
    const selectors = section.selectors.map(({ kubernetesNamespace, ...one }, index) =>
      index === at || !kubernetesNamespace ? one : { ...one, kubernetesNamespace },
    );
    const result = setCondition(text, 'process', name, 'kubernetesNamespace', undefined);
    return [result, { ...section, selectors }];
  },
};

const commentsOf = (text: string): string[] => text.match(/# (?:above|beside) \d+/g) ?? [];

describe('edits of documents with comments anywhere', () => {
  const texts = fc
    .tuple(models, layouts(false))
    .map(([model, layout]) => ({ model, text: strewn(model, layout) }));

  it('the generated ones mean what their model means', () => {
    fc.assert(
      fc.property(models, layouts(true), (model, layout) => {
        expect(meaning(strewn(model, layout))).toBe(meaningOf(model));
      }),
      { numRuns: 100 },
    );
  });

  it.each(Object.entries(EDITS))('%s means what it is to mean', (_name, apply) => {
    fc.assert(
      fc.property(texts, fc.nat(60), ({ model, text }, which) => {
        if (!model.process) return;
        const [result, section] = apply(text, model.process, which);
        expect(meaning(applied(result))).toBe(meaningOf(withSection(model, section)));
      }),
      { numRuns: 100 },
    );
  });

  it.each(Object.entries(EDITS))('%s with anchors is right or refused', (_name, apply) => {
    fc.assert(
      fc.property(models, layouts(true), fc.nat(60), (model, layout, which) => {
        if (!model.process) return;
        const [result, section] = apply(strewn(model, layout), model.process, which);
        if (result.ok) expect(meaning(result.text)).toBe(meaningOf(withSection(model, section)));
        else expect(result.reason).toBe('shared-by-alias');
      }),
      { numRuns: 50 },
    );
  });

  it('renaming there and back gives the same bytes', () => {
    fc.assert(
      fc.property(texts, fc.nat(3), ({ model, text }, which) => {
        const name = model.process?.selectors[which]?.name;
        if (name === undefined || /^(?:true|null|no|12)$/.test(name)) return;
        const there = applied(renameSelector(text, 'process', name, 'fresh'));
        expect(there).not.toBe(text);
        expect(commentsOf(there)).toEqual(commentsOf(text));
        expect(applied(renameSelector(there, 'process', 'fresh', name))).toBe(text);
      }),
    );
  });

  it('adding and removing gives the same bytes', () => {
    fc.assert(
      fc.property(texts, ({ model, text }) => {
        const selector = { name: 'fresh', processName: ['a', 'b'], operation: ['exec'] };
        const more = applied(addSelector(text, 'process', selector));
        const gone = removeSelector(more, 'process', 'fresh', { references: 'refuse' });
        expect(applied(gone)).toBe(text);
        const response = { match: ['a'], actions: ['log'] };
        const index = model.process?.responses.length ?? 0;
        const answered = applied(addResponse(text, 'process', response));
        expect(applied(removeResponse(answered, 'process', index))).toBe(text);
      }),
    );
  });
});
