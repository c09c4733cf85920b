// What the studio's server answers. Every number comes from there; the page computes none.

export interface ListedRun {
  name: string;
  state: string;
  problem: string | null;
  network: string;
  dataset: string;
  started: string;
  epochs: number;
  of: number;
  watch: string;
  best: number | null;
  test: number | null;
}

export interface RunFacts {
  name: string;
  network: string;
  dataset: string;
  classes: string[];
  state: string;
  input: number[];
  stored: number[];
  fit: string;
  pixels: string;
  mean: number[];
  std: number[];
  meanImage: boolean;
  trained: boolean;
  final: { on: string; images: number; top1: number; top5: number; loss: number } | null;
  recipe: Record<string, unknown>;
}

export interface Layer {
  name: string;
  kind: string;
  role: string;
  shape: number[];
  maps: number;
  height: number;
  width: number;
  low: number;
  high: number;
  offset: number;
}

export interface Top {
  class: string;
  k: number;
  probability: number;
}

export interface Thought {
  top: Top[];
  logits: number[];
  layers: Layer[];
  ms: number;
  pixels: Uint8Array;
}

export interface MapFacts {
  values: number[];
  shape: number[];
  filter?: { shape: number[]; shown: number; values: number[] };
}

export interface UnitFacts {
  layer: string;
  place: number[];
  kind: string;
  formula: string;
  count: number;
  places: number[][];
  read: number[];
  weights: number[] | null;
  terms: number[];
  sum: number;
  numbers: Record<string, number>;
  workedOut: number;
  value: number;
  field: [number, number][] | null;
  after: { layer: string; value: number } | null;
  before?: string;
}

export interface PixelFacts {
  height: number;
  width: number;
  values: number[];
  side?: number;
  stride?: number;
}

export interface ImageFacts {
  number: number;
  true: number;
  predicted: number;
  probability: number;
}

export interface ImagePage {
  count: number;
  start: number;
  page: number;
  images: ImageFacts[];
}

export interface Picture {
  blob?: Blob;
  number?: number;
  invert?: boolean;
  version: number;
}

export class Refused extends Error {}

async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  let said = `${answer.status}`;
  try {
    said = ((await answer.json()) as { error: string }).error;
  } catch {
    // not from the studio
  }
  throw new Refused(said);
}

export function address(run: string, what = "", query: Record<string, string | number | undefined> = {}): string {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) asked.set(key, String(value));
  const tail = asked.toString();
  return `/api/runs/${encodeURIComponent(run)}${what && `/${what}`}${tail && `?${tail}`}`;
}

export async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  return (await checked(await fetch(url, { signal: signal ?? null }))).json() as Promise<T>;
}

export async function post<T>(url: string, body: BodyInit | null): Promise<T> {
  return (await checked(await fetch(url, { method: "POST", body }))).json() as Promise<T>;
}

function asked(picture: Picture): Record<string, string | number | undefined> {
  return { image: picture.number, invert: picture.invert ? 1 : undefined };
}

export async function think(run: string, picture: Picture): Promise<Thought> {
  const url = address(run, "think", asked(picture));
  const answer = await checked(await fetch(url, { method: "POST", body: picture.blob ?? null }));
  const bytes = await answer.arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Omit<Thought, "pixels">;
  return { ...head, pixels: new Uint8Array(bytes, 4 + length) };
}

export function ofPicture<T>(
  run: string,
  what: string,
  picture: Picture,
  query: Record<string, string | number>,
): Promise<T> {
  return post<T>(address(run, what, { ...asked(picture), ...query }), picture.blob ?? null);
}
