import { expect, it } from 'vitest';
import { generate } from '../scripts/generate.mjs';

const DOCUMENT = {
  paths: {
    '/api/v1/picture/{domain}': { get: { responses: { 200: { content: {} } } } },
    '/api/v1/picture/toy': {
      get: {
        responses: {
          200: {
            content: {
              'application/json': {
                schema: { properties: { 'toy.things': { description: 'Things', additionalProperties: { $ref: '#/components/schemas/Thing' } } } },
              },
            },
          },
        },
      },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: 'object',
        description: 'A thing.',
        required: ['id', 'state', 'place', 'ring'],
        properties: {
          id: { type: 'string', description: 'Its id.' },
          state: { $ref: '#/components/schemas/State' },
          place: { anyOf: [{ $ref: '#/components/schemas/Place' }, { type: 'null' }] },
          ring: { type: 'array', items: { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 } },
          count: { type: ['integer', 'null'] },
          tags: { type: 'object', additionalProperties: { type: 'string' } },
          any: true,
        },
      },
      State: { oneOf: [{ type: 'string', const: 'up' }, { type: 'string', enum: ['late', 'lost'] }] },
      Place: { type: 'object', required: ['lat_deg'], properties: { lat_deg: { type: 'number' } } },
    },
  },
};

it('writes one type a schema and the map of collections', () => {
  expect(generate(DOCUMENT)).toBe(`// Made by \`npm run generate\` from docs/openapi.json. Do not edit.

export interface Place {
  lat_deg: number;
}

export type State = "up" | "late" | "lost";

/** A thing. */
export interface Thing {
  /** Its id. */
  id: string;
  state: State;
  place: Place | null;
  ring: [number, number][];
  count?: number | null;
  tags?: Record<string, string>;
  any?: unknown;
}

/** The item type of each collection a domain contributes. */
export interface CollectionItems {
  /** Things */
  'toy.things': Thing;
}
`);
});
