// A run is judged: its figures, which images it gets wrong, how far its confidence is to be trusted; runs beside each other.

import { useEffect, useState } from "preact/hooks";

import { address, get, type ImagePage, type RunFacts } from "./api";
import { Chart } from "./chart";
import { number, percent, t } from "./i18n";
import type { Shown } from "./main";

interface Judged {
  on: string;
  images: number;
  top1: number;
  top5: number;
  loss: number;
  notes: string[];
  classes: { name: string; images: number; precision: number | null; recall: number | null }[];
  reliability: { low: number; high: number; images: number; confidence: number | null; accuracy: number | null }[];
  confusion?: number[][];
  pairs: { true: number; predicted: number; count: number }[];
}

export interface Line {
  kind: string;
  step: number;
  epoch?: number;
  loss?: number;
  accuracy?: number;
  [key: string]: string | number | undefined;
}

interface Compared {
  first: { name: string; top1: number };
  second: { name: string; top1: number };
  both: number;
  neither: number;
  onlyFirst: number;
  onlySecond: number;
  p: number;
  recipes: { key: string; first: unknown; second: unknown }[];
  differ: number[];
  curves: { first: Line[]; second: Line[] };
}

export function Judge({ runs, run, choose }: Shown) {
  const [found, setFound] = useState<Judged | null>(null);
  const [facts, setFacts] = useState<RunFacts | null>(null);
  const [lines, setLines] = useState<Line[]>([]);
  const [problem, setProblem] = useState("");
  const [cell, setCell] = useState<{ true?: number; predicted?: number } | null>(null);
  useEffect(() => {
    setFound(null);
    setCell(null);
    setProblem("");
    if (!run) return;
    const failed = (error: Error) => setProblem(error.message);
    void get<RunFacts>(address(run)).then(setFacts, failed);
    void get<Judged>(address(run, "judged")).then(setFound, failed);
    void get<{ lines: Line[] }>(address(run, "metrics")).then((each) => setLines(each.lines), failed);
  }, [run]);
  if (!run) return <p>{t("noRuns")}</p>;
  return (
    <>
      <div class="fields">
        <label>
          {t("run")}
          <select value={run} onChange={(event) => choose((event.target as HTMLSelectElement).value)}>
            {runs.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
      </div>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      {!found && !problem && <p role="status">{t("loading")}</p>}
      {found && facts && (
        <>
          <h2>{run}</h2>
          <p>
            {found.on}: <strong>{percent(found.top1)}</strong> {t("accuracy")}; {t("top5")} {percent(found.top5)};{" "}
            {t("loss")} {number(found.loss)}; {number(found.images)} {t("images")}.
          </p>
          {found.notes.map((note) => (
            <p key={note} class="small">{note}</p>
          ))}
          {found.confusion && <Confusion found={found} onPick={(i, j) => setCell({ true: i, predicted: j })} />}
          <Pairs found={found} onPick={(i, j) => setCell({ true: i, predicted: j })} />
          <Images run={run} classes={facts.classes} cell={cell} />
          <Curves lines={lines} />
          <Reliability found={found} />
          <Classes found={found} />
          <Comparison run={run} others={runs.map((each) => each.name).filter((name) => name !== run)} />
        </>
      )}
    </>
  );
}

function Confusion({ found, onPick }: { found: Judged; onPick: (i: number, j: number) => void }) {
  const [shares, setShares] = useState(true);
  const matrix = found.confusion ?? [];
  return (
    <section>
      <h3>{t("confusion")}</h3>
      <p class="small">{t("confusionHelp")}</p>
      <label class="check">
        <input type="checkbox" checked={shares} onChange={() => setShares(!shares)} />
        {t("normalised")}
      </label>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("confusion")}>
        <table class="confusion">
          <thead>
            <tr>
              <td />
              {found.classes.map((each) => (
                <th scope="col" key={each.name} title={each.name}>
                  <span>{each.name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.map((row, i) => {
              const of = Math.max(1, found.classes[i]?.images ?? 1);
              return (
                <tr key={i}>
                  <th scope="row">{found.classes[i]?.name}</th>
                  {row.map((count, j) => {
                    const share = count / of;
                    const level = count ? 1 + Math.min(8, Math.floor(share * 9)) : 0;
                    return (
                      <td key={j} class={`${i === j ? "right-cell" : "wrong-cell"} level-${level}`}>
                        {count > 0 && (
                          <button
                            type="button"
                            aria-label={`${found.classes[i]?.name} ${t("taken")} ${found.classes[j]?.name}: ${count}`}
                            onClick={() => onPick(i, j)}
                          >
                            {shares ? Math.round(100 * share) : count}
                          </button>
                        )}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Pairs({ found, onPick }: { found: Judged; onPick: (i: number, j: number) => void }) {
  const [all, setAll] = useState(false);
  if (!found.pairs.length) return null;
  const name = (k: number) => found.classes[k]?.name ?? String(k);
  return (
    <section>
      <h3>{t("pairs")}</h3>
      <ul class="pairs">
        {found.pairs.slice(0, all ? 200 : 12).map((each) => (
          <li key={`${each.true}-${each.predicted}`}>
            <button type="button" class="link" onClick={() => onPick(each.true, each.predicted)}>
              {name(each.true)} {t("taken")} {name(each.predicted)}
            </button>{" "}
            {number(each.count)}
          </li>
        ))}
      </ul>
      {found.pairs.length > 12 && !all && (
        <button type="button" onClick={() => setAll(true)}>
          {t("all")}
        </button>
      )}
    </section>
  );
}

function Images({
  run,
  classes,
  cell,
}: {
  run: string;
  classes: string[];
  cell: { true?: number; predicted?: number } | null;
}) {
  const [page, setPage] = useState<ImagePage | null>(null);
  const load = (start: number) =>
    get<ImagePage>(
      address(run, "images", {
        which: cell ? "all" : "mistakes",
        true: cell?.true,
        predicted: cell?.predicted,
        start,
      }),
    ).then(setPage, () => setPage(null));
  useEffect(() => {
    void load(0);
  }, [run, cell?.true, cell?.predicted]);
  if (!page) return null;
  const title = cell
    ? `${classes[cell.true ?? 0]} ${t("taken")} ${classes[cell.predicted ?? 0]} (${number(page.count)})`
    : `${t("confident")} (${number(page.count)})`;
  return (
    <section aria-live="polite">
      <h3>{title}</h3>
      <Thumbnails run={run} classes={classes} images={page.images} />
      <p>
        <button type="button" disabled={page.start === 0} onClick={() => void load(Math.max(0, page.start - page.page))}>
          {t("previous")}
        </button>{" "}
        <button
          type="button"
          disabled={page.start + page.images.length >= page.count}
          onClick={() => void load(page.start + page.page)}
        >
          {t("next")}
        </button>
      </p>
    </section>
  );
}

function Thumbnails({ run, classes, images }: { run: string; classes: string[]; images: ImagePage["images"] }) {
  return (
    <ul class="thumbnails">
      {images.map((each) => (
        <li key={each.number}>
          <img
            loading="lazy"
            src={address(run, `images/${each.number}.png`, { small: 96 })}
            alt={`${classes[each.true]}, ${each.number}`}
          />
          <span class="small">
            {classes[each.predicted] ?? "NaN"} {percent(each.probability)}
            <br />({classes[each.true]})
          </span>
        </li>
      ))}
    </ul>
  );
}

export function Curves({ lines }: { lines: Line[] }) {
  const epochs = lines.filter((line) => line.kind === "epoch");
  const points = lines.filter((line) => line.kind === "point");
  const watched = ["validation", "test"].find((part) => epochs.some((line) => `${part}_accuracy` in line)) ?? "validation";
  if (!epochs.length && !points.length) return null;
  const of = (key: string) => epochs.map((line) => line[key] as number | undefined);
  return (
    <section>
      <h3>{t("curves")}</h3>
      <div class="charts">
        <Chart
          title={t("loss")}
          xLabel={t("epochs")}
          x={epochs.length ? of("epoch") : points.map((line) => line.epoch)}
          series={
            epochs.length
              ? [
                  { label: t("training"), values: of("loss") },
                  { label: watched, values: of(`${watched}_loss`) },
                ]
              : [{ label: t("training"), values: points.map((line) => line.loss) }]
          }
        />
        <Chart
          title={t("accuracy")}
          xLabel={t("epochs")}
          x={epochs.length ? of("epoch") : points.map((line) => line.epoch)}
          series={
            epochs.length
              ? [
                  { label: t("training"), values: of("accuracy") },
                  { label: watched, values: of(`${watched}_accuracy`) },
                ]
              : [{ label: t("training"), values: points.map((line) => line.accuracy) }]
          }
        />
      </div>
    </section>
  );
}

function Reliability({ found }: { found: Judged }) {
  const bins = found.reliability.filter((bin) => bin.images);
  return (
    <section>
      <h3>{t("reliability")}</h3>
      <p class="small">{t("reliabilityHelp")}</p>
      <div class="charts">
        <Chart
          title={t("reliability")}
          xLabel={t("confidence")}
          x={bins.map((bin) => bin.confidence ?? 0)}
          series={[
            { label: t("accuracy"), values: bins.map((bin) => bin.accuracy ?? undefined) },
            { label: t("confidence"), values: bins.map((bin) => bin.confidence ?? undefined), dashed: true },
            { label: t("images"), values: bins.map((bin) => bin.images), hidden: true },
          ]}
        />
      </div>
    </section>
  );
}

function Classes({ found }: { found: Judged }) {
  const [by, setBy] = useState<"name" | "images" | "precision" | "recall">("recall");
  const [from, setFrom] = useState(0);
  const sorted = [...found.classes].sort((a, b) =>
    by === "name" ? a.name.localeCompare(b.name) : Number(a[by] ?? -1) - Number(b[by] ?? -1),
  );
  const heads = { name: t("ofClass"), images: t("images"), precision: t("precision"), recall: t("recall") } as const;
  return (
    <section>
      <h3>{t("classes")}</h3>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("classes")}>
        <table>
          <thead>
            <tr>
              {(Object.keys(heads) as (keyof typeof heads)[]).map((key) => (
                <th scope="col" key={key} aria-sort={by === key ? "ascending" : "none"}>
                  <button type="button" class="link" onClick={() => (setBy(key), setFrom(0))}>
                    {heads[key]}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(from, from + 100).map((each) => (
              <tr key={each.name}>
                <th scope="row">{each.name}</th>
                <td class="right">{number(each.images)}</td>
                <td class="right">{percent(each.precision)}</td>
                <td class="right">{percent(each.recall)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.classes.length > 100 && (
        <p>
          <button type="button" disabled={!from} onClick={() => setFrom(from - 100)}>
            {t("previous")}
          </button>{" "}
          <button type="button" disabled={from + 100 >= found.classes.length} onClick={() => setFrom(from + 100)}>
            {t("next")}
          </button>
        </p>
      )}
    </section>
  );
}

function Comparison({ run, others }: { run: string; others: string[] }) {
  const [other, setOther] = useState("");
  const [found, setFound] = useState<Compared | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setFound(null);
    setProblem("");
    if (other)
      void get<Compared>(address(run, "compared", { with: other })).then(setFound, (error: Error) =>
        setProblem(error.message),
      );
  }, [run, other]);
  const overlaid = (key: string) => {
    const [a, b] = [found?.curves.first ?? [], found?.curves.second ?? []];
    const x = [...new Set([...a, ...b].map((line) => line.epoch ?? 0))].sort((p, q) => p - q);
    const of = (lines: Line[]) => x.map((at) => lines.find((line) => line.epoch === at)?.[key] as number | undefined);
    return { x, first: of(a), second: of(b) };
  };
  return (
    <section>
      <h3>{t("compare")}</h3>
      <div class="fields">
        <label>
          {t("run")}
          <select value={other} onChange={(event) => setOther((event.target as HTMLSelectElement).value)}>
            <option value="">{t("nothing")}</option>
            {others.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      {other && !found && !problem && <p role="status">{t("loading")}</p>}
      {found && (
        <>
          <h4>{t("mcnemar")}</h4>
          <p>
            {t("mcnemarText", {
              first: run,
              second: other,
              a: number(found.onlyFirst),
              b: number(found.onlySecond),
              both: number(found.both),
              neither: number(found.neither),
              p: number(found.p, 3),
            })}
          </p>
          <div class="charts">
            {["loss", "accuracy"].map((key) => {
              const { x, first, second } = overlaid(key);
              return (
                <Chart
                  key={key}
                  title={`${t(key as "loss" | "accuracy")}, ${t("training")}`}
                  xLabel={t("epochs")}
                  x={x}
                  series={[
                    { label: run, values: first },
                    { label: other, values: second },
                  ]}
                />
              );
            })}
          </div>
          <h4>{t("recipeLines")}</h4>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("setting")}</th>
                <th scope="col">{run}</th>
                <th scope="col">{other}</th>
              </tr>
            </thead>
            <tbody>
              {found.recipes.map((each) => (
                <tr key={each.key}>
                  <th scope="row">{each.key}</th>
                  <td>{JSON.stringify(each.first)}</td>
                  <td>{JSON.stringify(each.second)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <h4>
            {t("differ")} ({number(found.onlyFirst + found.onlySecond)})
          </h4>
          <ul class="thumbnails">
            {found.differ.map((each) => (
              <li key={each}>
                <img loading="lazy" src={address(run, `images/${each}.png`, { small: 96 })} alt={`${each}`} />
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
