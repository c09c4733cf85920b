// A sheet to draw on: by mouse, finger, pen, or arrow keys and the space bar.

import { useEffect, useRef, useState } from "preact/hooks";

import { t } from "./i18n";

const SIDE = 280;
const PEN = 22;
const STRIDE = 10;

export function Draw({ onDrawn, cleared }: { onDrawn: (blob: Blob, began: number) => void; cleared: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<[number, number] | null>(null);
  const busy = useRef(false);
  const again = useRef(0);
  const [key, setKey] = useState<{ x: number; y: number; down: boolean } | null>(null);

  const context = () => canvas.current?.getContext("2d", { willReadFrequently: true }) ?? null;
  const clear = () => {
    const on = context();
    if (!on) return;
    on.fillStyle = "#000";
    on.fillRect(0, 0, SIDE, SIDE);
  };
  useEffect(clear, []);

  const send = (began: number) => {
    if (busy.current) {
      again.current ||= began;
      return;
    }
    busy.current = true;
    canvas.current?.toBlob((blob) => {
      busy.current = false;
      if (blob) onDrawn(blob, began);
      if (again.current) {
        const next = again.current;
        again.current = 0;
        send(next);
      }
    });
  };
  const stroke = (x: number, y: number, began: number) => {
    const on = context();
    if (!on) return;
    const [fromX, fromY] = last.current ?? [x, y];
    on.strokeStyle = "#fff";
    on.lineWidth = PEN;
    on.lineCap = on.lineJoin = "round";
    on.beginPath();
    on.moveTo(fromX, fromY);
    on.lineTo(x + 0.01, y);
    on.stroke();
    last.current = [x, y];
    send(began);
  };
  const at = (event: PointerEvent): [number, number] => {
    const box = (canvas.current as HTMLCanvasElement).getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  const typed = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-STRIDE, 0],
      ArrowRight: [STRIDE, 0],
      ArrowUp: [0, -STRIDE],
      ArrowDown: [0, STRIDE],
    };
    const step = steps[event.key];
    const now = key ?? { x: SIDE / 2, y: SIDE / 2, down: false };
    if (event.key === " ") {
      event.preventDefault();
      const down = !now.down;
      last.current = null;
      if (down) stroke(now.x, now.y, performance.now());
      setKey({ ...now, down });
    } else if (step) {
      event.preventDefault();
      const x = Math.min(SIDE, Math.max(0, now.x + step[0]));
      const y = Math.min(SIDE, Math.max(0, now.y + step[1]));
      if (now.down) stroke(x, y, performance.now());
      setKey({ x, y, down: now.down });
    }
  };
  return (
    <div class="draw">
      <div class="board">
        <canvas
          ref={canvas}
          width={SIDE}
          height={SIDE}
          tabIndex={0}
          role="application"
          aria-label={t("draw")}
          aria-describedby="draw-help"
          onPointerDown={(event) => {
            canvas.current?.setPointerCapture(event.pointerId);
            last.current = null;
            stroke(...at(event), performance.now());
          }}
          onPointerMove={(event) => {
            if (event.buttons & 1) stroke(...at(event), performance.now());
          }}
          onPointerUp={() => (last.current = null)}
          onKeyDown={typed}
          onBlur={() => setKey(null)}
        />
        {key && (
          <svg class="mark" viewBox={`0 0 ${SIDE} ${SIDE}`} aria-hidden="true">
            <circle cx={key.x} cy={key.y} r={PEN / 2} class={key.down ? "down" : ""} />
          </svg>
        )}
      </div>
      <p class="small" id="draw-help">{t("drawHelp")}</p>
      <button
        type="button"
        onClick={() => {
          clear();
          cleared();
        }}
      >
        {t("clear")}
      </button>
    </div>
  );
}
