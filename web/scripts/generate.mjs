// Writes src/generated/api.ts from docs/openapi.json: one type a schema, and one map of the
// collections the console's stream carries. Prints nothing when the file is already right.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCE = new URL('../../docs/openapi.json', import.meta.url);
const TARGET = new URL('../src/generated/api.ts', import.meta.url);

/** The TypeScript of an OpenAPI 3.1 document. */
export function generate(document) {
  const schemas = Object.entries(document.components?.schemas ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    '// Made by `npm run generate` from docs/openapi.json. Do not edit.',
    ...schemas.map(([name, schema]) => declaration(name, schema)),
    collectionItems(document),
  ];
  return `${parts.join('\n\n')}\n`;
}

function declaration(name, schema) {
  const doc = comment(schema.description, '');
  return isPlainObject(schema)
    ? `${doc}export interface ${name} ${objectType(schema, '')}`
    : `${doc}export type ${name} = ${typeOf(schema, '')};`;
}

/** `CollectionItems`: the item type of each collection, from the picture paths of the domains. */
function collectionItems(document) {
  const items = new Map();
  for (const path of Object.keys(document.paths ?? {}).sort()) {
    const answer = document.paths[path].get?.responses?.['200']?.content?.['application/json']?.schema;
    if (!path.startsWith('/api/v1/picture/') || path.includes('{')) continue;
    for (const [name, collection] of Object.entries(answer?.properties ?? {})) {
      items.set(name, { text: collection.description, type: typeOf(collection.additionalProperties ?? {}, '  ') });
    }
  }
  const lines = [...items].map(([name, { text, type }]) => `${comment(text, '  ')}  '${name}': ${type};`);
  return `/** The item type of each collection a domain contributes. */\nexport interface CollectionItems {\n${lines.join('\n')}\n}`;
}

function typeOf(schema, indent) {
  if (schema === true || schema === undefined) return 'unknown';
  if (schema === false) return 'never';
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const options = schema.oneOf ?? schema.anyOf;
  if (options !== undefined) return union(options.map((option) => typeOf(option, indent)));
  if (schema.allOf !== undefined) return schema.allOf.map((part) => typeOf(part, indent)).join(' & ');
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type }, indent)));
  return typeOfKind(schema, indent);
}

function typeOfKind(schema, indent) {
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return arrayType(schema, indent);
    case 'object':
      return objectType(schema, indent);
    default:
      return 'unknown';
  }
}

function arrayType(schema, indent) {
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map((item) => typeOf(item, indent)).join(', ')}]`;
  const item = typeOf(schema.items, indent);
  const isShort = schema.minItems === schema.maxItems && schema.minItems <= 4;
  if (isShort) return `[${Array(schema.minItems).fill(item).join(', ')}]`;
  return /^[^[{]* [|&] /.test(item) ? `(${item})[]` : `${item}[]`;
}

function objectType(schema, indent) {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`;
    return `${comment(field.description, inner)}${inner}${key}${required.has(name) ? '' : '?'}: ${typeOf(field, inner)};`;
  });
  const rest = schema.additionalProperties;
  if (fields.length === 0) return rest === false ? '{}' : `Record<string, ${typeOf(rest ?? true, indent)}>`;
  return `{\n${fields.join('\n')}\n${indent}}`;
}

function isPlainObject(schema) {
  return schema.type === 'object' && schema.properties !== undefined && schema.oneOf === undefined && schema.anyOf === undefined;
}

function union(types) {
  return [...new Set(types)].join(' | ');
}

function comment(text, indent) {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '* /').replaceAll('\n', ' ')} */\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = generate(JSON.parse(readFileSync(SOURCE, 'utf8')));
  let before = '';
  try {
    before = readFileSync(TARGET, 'utf8');
  } catch {
    // The first time there is nothing yet.
  }
  if (made !== before) {
    writeFileSync(TARGET, made);
    console.log('wrote src/generated/api.ts');
  }
}
