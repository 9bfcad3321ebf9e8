/** Calls to the node's API; every failure becomes a `Problem`. */
import type { Problem } from './model';

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

export async function getJson<T>(path: string): Promise<T> {
  const response = await send(path, { method: 'GET' });
  return (await response.json()) as T;
}

export async function postJson<T>(path: string, body: unknown): Promise<T | null> {
  const response = await send(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return text === '' ? null : (JSON.parse(text) as T);
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: 'no-store' });
  } catch (error) {
    throw new ProblemError(unreachable(path, error));
  }
  if (response.ok) return response;
  throw new ProblemError(await problemOf(response));
}

function unreachable(path: string, error: unknown): Problem {
  return {
    type: 'about:blank',
    title: 'The node did not answer',
    status: 0,
    detail: `${path}: ${error instanceof Error ? error.message : String(error)}`,
    hint: null,
  };
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback: Problem = {
    type: 'about:blank',
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    detail: null,
    hint: null,
  };
  try {
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null ? { ...fallback, ...body } : fallback;
  } catch {
    return fallback;
  }
}
