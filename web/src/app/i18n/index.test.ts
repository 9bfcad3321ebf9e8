import { describe, expect, it } from 'vitest';
import { DICTIONARIES, LANGUAGES, pick, translate, translateWord, type MessageKey } from '.';
import { en } from './en';

const KEYS = Object.keys(en) as MessageKey[];
const parametersOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe.each(LANGUAGES)('$name', ({ code }) => {
  const dictionary = DICTIONARIES[code];

  it('has every message and no other', () => {
    expect(Object.keys(dictionary).sort()).toEqual([...KEYS].sort());
  });

  it('leaves no message empty', () => {
    expect(KEYS.filter((key) => dictionary[key].trim() === '')).toEqual([]);
  });

  it('takes the same parameters as English', () => {
    const differing = KEYS.filter((key) => `${parametersOf(dictionary[key])}` !== `${parametersOf(en[key])}`);
    expect(differing).toEqual([]);
  });
});

describe('other scripts', () => {
  it.each([['ja', /[\u3040-\u30ff\u4e00-\u9fff]/], ['ko', /[\uac00-\ud7af]/]] as const)('%s is written in its own', (code, script) => {
    const shared = /^[\x20-\x7e{}·±×σ°→–—]*$/;
    const foreign = KEYS.filter((key) => !script.test(DICTIONARIES[code][key]) && !shared.test(DICTIONARIES[code][key]));
    expect(foreign).toEqual([]);
    expect(KEYS.filter((key) => script.test(DICTIONARIES[code][key])).length).toBeGreaterThan(KEYS.length * 0.9);
  });
});

describe('translating', () => {
  it('fills parameters in and keeps unknown ones visible', () => {
    expect(translate('en', 'gap.lost', { partner: 'JPN' })).toBe('No data from JPN since {time}');
  });

  it('gives a word of the data as it came where no message knows it', () => {
    expect(translateWord('ko', 'partner', 'JPN')).toBe('일본');
    expect(translateWord('ko', 'partner', 'AUS')).toBe('AUS');
    expect(translateWord('ko', 'constructor', 'toString')).toBe('toString');
  });

  it('picks another language before nothing', () => {
    expect(pick('ja', { en: 'x', ja: '', ko: '' })).toBe('x');
    expect(pick('ja', null)).toBe('');
  });
});
