import { responseKeys } from './canonical.js';
import { SECTION_NAMES, type SectionName } from './model.js';
import { type PlacedSection, sectionOf } from './parse-section.js';

/** A place in a document: line and column from 1, and the path, as in process.selectors[0]. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

export interface SectionPlaces {
  readonly place: Place;
  readonly selectors: ReadonlyMap<string, Place>;
  /** By index in the normalised section: the first response of the document that says the same. */
  readonly responses: readonly Place[];
}

export type PolicyPlaces = { readonly [Name in SectionName]?: SectionPlaces };

export function placesOf(
  sections: { readonly [Name in SectionName]?: PlacedSection },
  lineOf: (at: number) => { readonly line: number; readonly column: number },
): PolicyPlaces {
  const places: { -readonly [Name in SectionName]?: SectionPlaces } = {};
  for (const name of SECTION_NAMES) {
    const section = sections[name];
    if (section) places[name] = sectionPlaces(section, lineOf);
  }
  return places;
}

function sectionPlaces(
  section: PlacedSection,
  lineOf: (at: number) => { readonly line: number; readonly column: number },
): SectionPlaces {
  const placeOf = ({
    item,
  }: {
    readonly item: { readonly at: number; readonly path: string };
  }) => ({
    ...lineOf(item.at),
    path: item.path,
  });
  const { keys, order } = responseKeys(sectionOf(section));
  return {
    place: placeOf(section),
    selectors: new Map(section.selectors.map((one) => [one.value.name, placeOf(one)])),
    responses: order.flatMap((key) => {
      const placed = section.responses[keys.indexOf(key)];
      return placed ? [placeOf(placed)] : [];
    }),
  };
}
