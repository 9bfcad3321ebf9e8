/** The generic panel: any collection as a plain table, driven by the data and the API's description. */
import { CLAIMED } from '../domains';
import type { Item } from './model';
import type { Picture } from './store';

export interface DomainEntry {
  name: string;
  title: string;
  collections: CollectionEntry[];
}

export interface CollectionEntry {
  name: string;
  title: string;
  /** True where a page of its own shows it. */
  claimed: boolean;
}

const SHELL = new Set(['node', 'lines', 'findings', 'corrections']);

/** Domains the API describes, then any others the picture holds; in that order, once each. */
export function domainsOf(described: unknown, picture: Picture | null): DomainEntry[] {
  const domains = new Map<string, DomainEntry>();
  for (const domain of parseDomains(described)) domains.set(domain.name, domain);
  for (const name of picture?.collections.keys() ?? []) {
    if (SHELL.has(name)) continue;
    const owner = name.split('.')[0] ?? name;
    const domain = domains.get(owner) ?? { name: owner, title: owner, collections: [] };
    if (!domain.collections.some((collection) => collection.name === name)) domain.collections.push(entryOf(name, name));
    domains.set(owner, domain);
  }
  return [...domains.values()];
}

/** `x-watchfire-domains` of an OpenAPI document; what does not fit is left out. */
function parseDomains(document: unknown): DomainEntry[] {
  const listed = isRecord(document) ? document['x-watchfire-domains'] : null;
  if (!Array.isArray(listed)) return [];
  return listed.filter(isRecord).flatMap((domain) => {
    const { name, title, collections } = domain;
    if (typeof name !== 'string') return [];
    const entries = (Array.isArray(collections) ? collections : []).flatMap(parseCollection);
    return [{ name, title: typeof title === 'string' ? title : name, collections: entries }];
  });
}

function parseCollection(collection: unknown): CollectionEntry[] {
  if (typeof collection === 'string') return [entryOf(collection, collection)];
  if (!isRecord(collection) || typeof collection['name'] !== 'string') return [];
  const { name, title } = collection as { name: string; title?: unknown };
  return [entryOf(name, typeof title === 'string' ? title : name)];
}

function entryOf(name: string, title: string): CollectionEntry {
  return { name, title, claimed: CLAIMED.has(name) };
}

/** Column names: the scalar fields of the items, in the order they first appear. */
export function columnsOf(items: readonly Item[]): string[] {
  const columns = new Set<string>();
  for (const item of items) {
    for (const [name, value] of Object.entries(item)) if (isScalar(value) && name !== 'id') columns.add(name);
  }
  return [...columns];
}

/** A cell: scalars as they are, nothing for the rest. */
export function cellOf(item: Item, column: string): string {
  const value: unknown = (item as Record<string, unknown>)[column];
  return value === null || value === undefined || !isScalar(value) ? '' : String(value);
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
