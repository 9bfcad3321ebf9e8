import { expect, it } from 'vitest';
import { cellOf, columnsOf, domainsOf } from './panels';

const DESCRIBED = {
  'x-watchfire-domains': [
    { name: 'track', title: 'Tracks', collections: [{ name: 'track.tracks', title: 'Tracks' }] },
    { name: 'toy', title: 'Toys', collections: ['toy.things'] },
    { title: 'nameless' },
    7,
  ],
};

it('lists described domains, then what the picture holds besides, without the shell', () => {
  const collections = new Map(['node', 'lines', 'findings', 'corrections', 'toy.things', 'supply.items'].map((name) => [name, new Map()]));
  const domains = domainsOf(DESCRIBED, { boot: 'b', seq: 1, view: 'own', collections });
  expect(domains.map(({ name, title, collections: of }) => [name, title, of.map(({ name: each, claimed }) => [each, claimed])])).toEqual([
    ['track', 'Tracks', [['track.tracks', true]]],
    ['toy', 'Toys', [['toy.things', false]]],
    ['supply', 'supply', [['supply.items', false]]],
  ]);
});

it.each([null, 'text', [], {}, { 'x-watchfire-domains': 'no' }])('takes %j for no description', (described) => {
  expect(domainsOf(described, null)).toEqual([]);
});

it('shows scalar fields alone, the id apart', () => {
  const items = [{ id: 'a', n: 1, parts: [1] }, { id: 'b', on: false, none: null }];
  expect(columnsOf(items)).toEqual(['n', 'on', 'none']);
  expect(items.map((item) => columnsOf(items).map((column) => cellOf(item, column)))).toEqual([['1', '', ''], ['', 'false', '']]);
});
