// A chart, drawn by uPlot, with its table behind it.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { number, t } from "./i18n";

export interface Series {
  label: string;
  values: (number | undefined)[];
  dashed?: boolean;
  hidden?: boolean; // in the table alone
}

const COLOURS = ["#1f77b4", "#d1640c", "#2a8a3e", "#8c5bb5"];

export function Chart({
  title,
  xLabel,
  x,
  series,
}: {
  title: string;
  xLabel: string;
  x: (number | undefined)[];
  series: Series[];
}) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = series.filter((each) => !each.hidden);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const ink = getComputedStyle(element).color;
    const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,0.25)" }, ticks: { stroke: ink } };
    const plot = new uPlot(
      {
        width: Math.max(240, Math.min(element.clientWidth || 420, 520)),
        height: 240,
        scales: { x: { time: false } },
        axes: [{ ...axis, label: xLabel }, axis],
        cursor: { drag: { x: false, y: false } },
        series: [
          { label: xLabel },
          ...drawn.map((each, i) => ({
            label: each.label,
            stroke: COLOURS[i % COLOURS.length] as string,
            width: 2,
            ...(each.dashed ? { dash: [6, 4] } : {}),
            points: { show: x.length < 40 },
            spanGaps: true,
          })),
        ],
      },
      [x.map((each) => each ?? 0), ...drawn.map((each) => each.values.map((value) => value ?? null))] as uPlot.AlignedData,
      element,
    );
    return () => plot.destroy();
  }, [title, JSON.stringify(x), JSON.stringify(series)]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} aria-hidden="true" />
      <details>
        <summary>{t("table")}</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">{xLabel}</th>
              {series.map((each) => (
                <th scope="col" key={each.label}>{each.label}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {x.map((at, i) => (
              <tr key={i}>
                <th scope="row">{number(at ?? 0)}</th>
                {series.map((each) => (
                  <td key={each.label}>{each.values[i] === undefined ? "–" : number(each.values[i] as number)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
