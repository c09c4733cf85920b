// Maps and filters on canvases. Many maps of a layer share one: hundreds of canvases would be slow.

import { useEffect, useRef } from "preact/hooks";

import type { Layer } from "./api";

const GAP = 1;
const CELL = 4; // pixels a side of a unit of a fully connected layer

export interface Grid {
  columns: number;
  rows: number;
}

export function gridOf(layer: Layer): Grid {
  const flat = layer.height === 1 && layer.shape.length === 1;
  if (flat) {
    const columns = Math.min(layer.width, layer.width > 512 ? 64 : 32);
    return { columns, rows: Math.ceil(layer.width / columns) };
  }
  const columns = layer.maps <= 8 ? layer.maps : Math.ceil(Math.sqrt(layer.maps * 2));
  return { columns, rows: Math.ceil(layer.maps / columns) };
}

/** All maps of a layer beside each other; of a fully connected layer its units as squares. */
export function Sheet({ layer, pixels }: { layer: Layer; pixels: Uint8Array }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flat = layer.shape.length === 1;
  const grid = gridOf(layer);
  const height = flat ? CELL : layer.height;
  const width = flat ? CELL : layer.width;
  const all = { w: grid.columns * (width + GAP) - GAP, h: grid.rows * (height + GAP) - GAP };
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const image = context.createImageData(all.w, all.h);
    const count = flat ? layer.width : layer.maps;
    for (let m = 0; m < count; m++) {
      const left = (m % grid.columns) * (width + GAP);
      const top = Math.floor(m / grid.columns) * (height + GAP);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const level = pixels[layer.offset + (flat ? m : (m * height + y) * width + x)] ?? 0;
          const at = 4 * ((top + y) * all.w + left + x);
          image.data[at] = image.data[at + 1] = image.data[at + 2] = level;
          image.data[at + 3] = 255;
        }
    }
    context.putImageData(image, 0, 0);
  }, [pixels, layer]);
  return <canvas ref={canvas} width={all.w} height={all.h} class="sheet" aria-hidden="true" />;
}

/** Which map, or unit, of a sheet a click met. */
export function met(event: MouseEvent, layer: Layer): number {
  const canvas = (event.currentTarget as HTMLElement).querySelector("canvas") as HTMLCanvasElement;
  if (!event.detail) return 0; // by keyboard
  const box = canvas.getBoundingClientRect();
  const grid = gridOf(layer);
  const column = Math.min(grid.columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * grid.columns)));
  const row = Math.min(grid.rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * grid.rows)));
  const count = layer.shape.length === 1 ? layer.width : layer.maps;
  return Math.min(count - 1, row * grid.columns + column);
}

export type Box = { top: number; left: number; height: number; width: number };

/** One map of numbers, each a square: grey from least to greatest, or blue and orange around 0. */
export function Numbers({
  values,
  height,
  width,
  signed,
  least,
  most,
  marked,
  label,
  onPick,
}: {
  values: ArrayLike<number>;
  height: number;
  width: number;
  signed?: boolean;
  least?: number;
  most?: number;
  marked?: Box | null;
  label: string;
  onPick?: (row: number, column: number) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    let low = least ?? Infinity;
    let high = most ?? -Infinity;
    if (least === undefined || most === undefined)
      for (let i = 0; i < values.length; i++) {
        low = Math.min(low, values[i] as number);
        high = Math.max(high, values[i] as number);
      }
    const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
    const image = context.createImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      const value = values[i] as number;
      const [r, g, b] = signed ? around(value / reach) : grey(high > low ? (value - low) / (high - low) : 0);
      image.data.set([r, g, b, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }, [values, height, width, signed, least, most]);
  return (
    <div class={`numbers${onPick ? " pick" : ""}`}>
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label={label}
        onClick={(event) => {
          const box = (event.target as HTMLElement).getBoundingClientRect();
          onPick?.(
            Math.min(height - 1, Math.floor(((event.clientY - box.top) / box.height) * height)),
            Math.min(width - 1, Math.floor(((event.clientX - box.left) / box.width) * width)),
          );
        }}
      />
      {marked && (
        <svg class="mark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          <rect x={marked.left} y={marked.top} width={marked.width} height={marked.height} />
        </svg>
      )}
    </div>
  );
}

function grey(share: number): [number, number, number] {
  const level = Math.round(255 * share);
  return [level, level, level];
}

function around(share: number): [number, number, number] {
  const size = Math.min(1, Math.abs(share));
  const fade = (to: number) => Math.round(245 + (to - 245) * size);
  return share < 0 ? [fade(33), fade(102), fade(172)] : [fade(214), fade(96), fade(20)];
}
