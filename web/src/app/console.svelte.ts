/** The console's live state: the picture, its clock, the link, and what the operator chose. */
import { FROZEN_AFTER_MS, isFrozen, observe, pictureTime, type PictureClock } from './clock';
import { exerciseOf, gapsOf } from './gaps';
import { isLanguage, pick, translate, translateWord, type Language, type MessageKey, type Parameters } from './i18n';
import { nodeOf, reduce, type Picture, type StreamEvent } from './store';
import { Stream, type LinkState } from './stream';
import type { Text } from './model';

export type { MessageKey };
export type Page = 'watch' | 'lines' | 'findings' | 'panels';
export type Theme = 'dark' | 'light';

/** Least time between two repaints, so that a fast stream does not starve input. */
const PUBLISH_EVERY_MS = 80;
const TICK_MS = 250;

class Console {
  picture = $state.raw<Picture | null>(null);
  link = $state<LinkState>('connecting');
  linkReason = $state('');
  view = $state('own');
  language = $state<Language>(startLanguage());
  theme = $state<Theme>(localStorage.getItem('watchfire.theme') === 'light' ? 'light' : 'dark');
  page = $state<Page>('watch');
  /** The page's own sub-path: the domain on the panels page. */
  subject = $state('');
  selection = $state<string | null>(null);
  /** Monotonic local time, stepping four times a second. */
  local_ms = $state(performance.now());
  heard_ms = $state(performance.now());

  readonly node = $derived(nodeOf(this.picture));
  readonly exercise = $derived(exerciseOf(this.picture));
  readonly frozen = $derived(isFrozen(this.heard_ms, this.local_ms));
  readonly silence_ms = $derived(this.frozen ? Math.max(FROZEN_AFTER_MS, this.local_ms - this.heard_ms) : null);
  readonly gaps = $derived(gapsOf(this.picture, this.silence_ms));
  /** Picture time now, ms since 1970; null before the first event. */
  readonly now_ms = $derived.by(() => (this.clock === null ? null : pictureTime(this.clock, this.local_ms)));
  /** Picture time of the last event heard. */
  readonly heardAt_ms = $derived.by(() => (this.clock === null ? null : pictureTime(this.clock, this.heard_ms)));

  /** Settles once the first alarm list is on the screen; heavy parts wait for it. */
  readonly alarmsPainted: Promise<void>;

  private clock = $state.raw<PictureClock | null>(null);
  #stream: Stream | null = null;
  #latest: Picture | null = null;
  #published_ms = 0;
  #publishTimer: ReturnType<typeof setTimeout> | null = null;
  #settlePainted: () => void = () => {};

  constructor() {
    this.alarmsPainted = new Promise((resolve) => (this.#settlePainted = resolve));
  }

  start(): void {
    this.#route();
    addEventListener('hashchange', () => this.#route());
    setInterval(() => (this.local_ms = performance.now()), TICK_MS);
    this.subscribe(this.view);
  }

  /** Follows another view; the old picture leaves the screen at once. */
  subscribe(view: string): void {
    this.#stream?.close();
    this.view = view;
    this.#latest = null;
    this.picture = null;
    this.selection = null;
    this.heard_ms = performance.now();
    this.#stream = new Stream(view, {
      event: (event) => this.#take(event),
      link: (state, reason) => {
        this.link = state;
        this.linkReason = reason;
      },
    });
  }

  /** The alarm list of the first picture is in the page; the next frame shows it. */
  alarmsRendered(): void {
    requestAnimationFrame(() => {
      performance.mark('watchfire:alarms-painted');
      setTimeout(this.#settlePainted);
    });
  }

  setLanguage(language: Language): void {
    this.language = language;
    localStorage.setItem('watchfire.language', language);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem('watchfire.theme', theme);
  }

  #take(event: StreamEvent): boolean {
    const step = reduce(this.#latest, event);
    if (step.verdict === 'resubscribe') {
      this.linkReason = step.reason;
      return false;
    }
    this.#latest = step.picture;
    const local_ms = performance.now();
    const rate = nodeOf(this.#latest)?.clock.rate ?? 1;
    this.clock = observe(this.clock, { picture_ms: Date.parse(event.body.now), local_ms, rate });
    this.heard_ms = local_ms;
    this.local_ms = Math.max(this.local_ms, local_ms);
    const rest_ms = this.#published_ms + PUBLISH_EVERY_MS - local_ms;
    if (event.kind === 'snapshot' || rest_ms <= 0) this.#publish();
    else this.#publishTimer ??= setTimeout(() => this.#publish(), rest_ms);
    return true;
  }

  #publish(): void {
    if (this.#publishTimer !== null) clearTimeout(this.#publishTimer);
    this.#publishTimer = null;
    this.#published_ms = performance.now();
    this.picture = this.#latest;
  }

  #route(): void {
    const [page = '', subject = ''] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
    this.page = isPage(page) ? page : 'watch';
    this.subject = subject;
  }
}

export const live = new Console();

/** A message in the language chosen. */
export function t(key: MessageKey, parameters: Parameters = {}): string {
  return translate(live.language, key, parameters);
}

/** A word of the data in the language chosen, as it came where no message knows it. */
export function word(prefix: string, value: string): string {
  return translateWord(live.language, prefix, value);
}

/** A three-language text of the data in the language chosen. */
export function say(text: Partial<Text> | null | undefined): string {
  return pick(live.language, text);
}

function isPage(text: string): text is Page {
  return ['watch', 'lines', 'findings', 'panels'].includes(text);
}

function startLanguage(): Language {
  const kept = localStorage.getItem('watchfire.language');
  if (isLanguage(kept)) return kept;
  const spoken = navigator.languages.map((tag) => tag.slice(0, 2)).find(isLanguage);
  return spoken ?? 'en';
}
