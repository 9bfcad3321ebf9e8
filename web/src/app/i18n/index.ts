/** Message lookup: a language, a key, named parameters. */
import type { Text } from '../model';
import { en, type Dictionary, type MessageKey } from './en';
import { ja } from './ja';
import { ko } from './ko';

export type { MessageKey };
export type Language = 'en' | 'ja' | 'ko';
export type Parameters = Readonly<Record<string, string | number>>;

export const LANGUAGES: readonly { code: Language; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'ja', name: '日本語' },
  { code: 'ko', name: '한국어' },
];

export const DICTIONARIES: Readonly<Record<Language, Dictionary>> = { en, ja, ko };

/** The message with `{name}` replaced from `parameters`; an unknown name stays visible. */
export function translate(language: Language, key: MessageKey, parameters: Parameters = {}): string {
  return DICTIONARIES[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    return value === undefined ? whole : String(value);
  });
}

/** A message whose key ends in a data word, or the word itself where no message knows it. */
export function translateWord(language: Language, prefix: string, word: string): string {
  const key = `${prefix}.${word}`;
  return isKey(key) ? translate(language, key) : word;
}

/** The text of a language, else any text there is. */
export function pick(language: Language, text: Partial<Text> | null | undefined): string {
  return text?.[language] || text?.en || text?.ja || text?.ko || '';
}

export function isLanguage(code: string | null): code is Language {
  return LANGUAGES.some((language) => language.code === code);
}

function isKey(key: string): key is MessageKey {
  return Object.hasOwn(en, key);
}
