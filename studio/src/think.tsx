// A network thinks: what is drawn, dropped or picked from the test images goes in, and every layer shows what it makes of it.

import { useEffect, useRef, useState } from "preact/hooks";

import {
  address,
  get,
  type ImagePage,
  type Layer,
  ofPicture,
  type Picture,
  type PixelFacts,
  type RunFacts,
  think,
  type Thought,
  type UnitFacts,
} from "./api";
import { Draw } from "./draw";
import { number, percent, t, type Word } from "./i18n";
import type { Shown } from "./main";
import { type Box, met, Numbers, Sheet } from "./maps";
import { type Chosen, Enlarged } from "./unit";

declare global {
  interface Window {
    /** Milliseconds from a stroke to its bars, for who measures them. */
    strokes: number[];
  }
}
window.strokes = [];

let versions = 0;

export function Think({ runs, run, choose }: Shown) {
  const [beside, setBeside] = useState("");
  const [picture, setPicture] = useState<Picture | null>(null);
  const [began, setBegan] = useState(0);
  const [invert, setInvert] = useState(false);
  const [shown, setShown] = useState("");
  const [facts, setFacts] = useState<RunFacts | null>(null);

  useEffect(() => {
    if (run) void get<RunFacts>(address(run)).then(setFacts, () => setFacts(null));
  }, [run]);
  const give = (given: Omit<Picture, "version">, at = performance.now()) => {
    setBegan(at);
    setPicture({ ...given, invert: given.number === undefined && invert, version: ++versions });
  };
  const file = (given: Blob | null | undefined) => {
    if (!given) return;
    if (shown) URL.revokeObjectURL(shown);
    setShown(URL.createObjectURL(given));
    give({ blob: given });
  };
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => file(event.clipboardData?.files[0]);
    const over = (event: DragEvent) => event.preventDefault();
    const dropped = (event: DragEvent) => {
      event.preventDefault();
      file(event.dataTransfer?.files[0]);
    };
    addEventListener("paste", pasted);
    addEventListener("dragover", over);
    addEventListener("drop", dropped);
    return () => {
      removeEventListener("paste", pasted);
      removeEventListener("dragover", over);
      removeEventListener("drop", dropped);
    };
  });
  useEffect(() => {
    if (picture?.blob) give({ blob: picture.blob });
  }, [invert]);

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
        <label>
          {t("beside")}
          <select value={beside} onChange={(event) => setBeside((event.target as HTMLSelectElement).value)}>
            <option value="">{t("nothing")}</option>
            {runs.filter((each) => each.name !== run).map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
        <label>
          {t("openImage")}
          <input
            type="file"
            accept="image/*"
            onChange={(event) => file((event.target as HTMLInputElement).files?.[0])}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={invert} onChange={() => setInvert(!invert)} />
          {t("invert")}
        </label>
      </div>
      <div class="think">
        <div class="given">
          <Draw
            onDrawn={(blob, at) => {
              setShown("");
              give({ blob }, at);
            }}
            cleared={() => (setShown(""), setPicture(null))}
          />
          {facts?.trained && (
            <TestImages
              run={run}
              classes={facts.classes}
              chosen={picture?.number}
              onPick={(image) => {
                setShown(address(run, `images/${image}.png`));
                give({ number: image });
              }}
            />
          )}
          {shown && (
            <figure>
              <img src={shown} alt={t("image")} class="given-image" />
            </figure>
          )}
        </div>
        <div class={beside ? "brains two" : "brains"}>
          <Brain key={run} run={run} picture={picture} began={began} />
          {beside && <Brain key={beside} run={beside} picture={picture} began={began} />}
        </div>
      </div>
    </>
  );
}

function Brain({ run, picture, began }: { run: string; picture: Picture | null; began: number }) {
  const [facts, setFacts] = useState<RunFacts | null>(null);
  const [thought, setThought] = useState<Thought | null>(null);
  const [problem, setProblem] = useState("");
  const [all, setAll] = useState(0);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [field, setField] = useState<UnitFacts["field"]>(null);
  const waiting = useRef<{ picture: Picture; began: number } | null>(null);
  const busy = useRef(false);
  const gone = useRef(false);

  useEffect(() => {
    void get<RunFacts>(address(run)).then(setFacts, (error: Error) => setProblem(error.message));
    return () => {
      gone.current = true;
    };
  }, [run]);

  const work = async () => {
    if (busy.current) return; // the newest waits, what lies between is never asked for
    busy.current = true;
    while (waiting.current && !gone.current) {
      const now = waiting.current;
      waiting.current = null;
      try {
        const found = await think(run, now.picture);
        setThought(found);
        setProblem("");
        requestAnimationFrame(() => {
          const taken = performance.now() - now.began;
          setAll(taken);
          window.strokes.push(taken);
        });
      } catch (error) {
        setProblem((error as Error).message);
        setThought(null);
      }
    }
    busy.current = false;
  };
  useEffect(() => {
    if (!picture) {
      setThought(null);
      setChosen(null);
      return;
    }
    waiting.current = { picture, began };
    void work();
  }, [picture]);

  const layer = thought?.layers.find((each) => each.name === chosen?.layer);
  const marked: Box | null = field && field.length === 2
    ? {
        top: field[0]![0],
        left: field[1]![0],
        height: field[0]![1] - field[0]![0],
        width: field[1]![1] - field[1]![0],
      }
    : null;
  return (
    <section class="brain" aria-label={run}>
      <h2>
        {run} <span class="kind">{facts?.network}</span>
      </h2>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      <div class="answer">
        <Bars thought={thought} />
        {thought && (
          <p class="small" role="status">
            {t("ms", { ms: number(thought.ms, 3), all: number(Math.round(all)) })}
          </p>
        )}
      </div>
      {facts && <PixelsSaid facts={facts} />}
      {thought && picture && (
        <>
          {layer && chosen && (
            <Enlarged
              run={run}
              picture={picture}
              layer={layer}
              chosen={chosen}
              choose={setChosen}
              onField={setField}
            />
          )}
          <h3>{t("layersTitle")}</h3>
          <ol class="layers">
            {thought.layers.map((each) => (
              <li key={each.name} class={each.role}>
                <LayerShown layer={each} thought={thought} onPick={(map) => setChosen({ layer: each.name, map })} />
                {each.name === "input" && marked && (
                  <Marked layer={each} thought={thought} marked={marked} />
                )}
              </li>
            ))}
          </ol>
          {facts && <PixelsThatCount run={run} facts={facts} picture={picture} thought={thought} />}
        </>
      )}
      {facts?.trained && <Dead run={run} />}
    </section>
  );
}

function Bars({ thought }: { thought: Thought | null }) {
  return (
    <table class="bars" aria-label={t("answer")}>
      <tbody>
        {(thought?.top ?? []).map((each) => (
          <tr key={each.k}>
            <th scope="row">{each.class}</th>
            <td class="bar-cell">
              <meter min={0} max={1} value={each.probability} aria-label={each.class} />
            </td>
            <td class="right">{percent(each.probability)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function PixelsSaid({ facts }: { facts: RunFacts }) {
  const round = (values: number[]) => values.map((value) => number(value, 3)).join(", ");
  let how = t(facts.pixels === "0-255" ? "scaled255" : "scaled01");
  if (facts.meanImage) how += t("meanImage");
  if (facts.mean.length) how += t("meanStd", { mean: round(facts.mean), std: facts.std.length ? round(facts.std) : "1" });
  return (
    <p class="small">
      {t("pixelsAre", { input: facts.input.join(" x "), stored: facts.stored.join(" x "), fit: facts.fit, how })}{" "}
      {t("inputNote")}
    </p>
  );
}

function LayerShown({ layer, thought, onPick }: { layer: Layer; thought: Thought; onPick: (map: number) => void }) {
  const flat = layer.shape.length === 1;
  const all = layer.shape[0] ?? 0;
  const facts = { n: number(all), m: number(flat ? layer.width : layer.maps), h: layer.height, w: layer.width };
  const word: Word = flat
    ? layer.width < all ? "unitsShown" : "units"
    : layer.maps < all ? "mapsShown" : "mapsOf";
  return (
    <>
      <div class="about">
        <strong>{layer.name}</strong> <span class="kind">{layer.kind}</span>
        <br />
        <span class="small">
          {t(word, facts)}; {t("scale", { low: number(layer.low, 3), high: number(layer.high, 3) })}
        </span>
      </div>
      <button
        type="button"
        class="maps"
        aria-label={t("enlarge", { layer: layer.name })}
        onClick={(event) => onPick(met(event, layer))}
      >
        <Sheet layer={layer} pixels={thought.pixels} />
      </button>
    </>
  );
}

function Marked({ layer, thought, marked }: { layer: Layer; thought: Thought; marked: Box }) {
  const size = layer.height * layer.width;
  const values = thought.pixels.subarray(layer.offset, layer.offset + size);
  return (
    <figure class="marked">
      <Numbers values={values} height={layer.height} width={layer.width} marked={marked} label="input" least={0} most={255} />
    </figure>
  );
}

function TestImages({
  run,
  classes,
  chosen,
  onPick,
}: {
  run: string;
  classes: string[];
  chosen: number | undefined;
  onPick: (image: number) => void;
}) {
  const [which, setWhich] = useState("");
  const [true_, setTrue] = useState("");
  const [page, setPage] = useState<ImagePage | null>(null);
  const [at, setAt] = useState(0);
  const [problem, setProblem] = useState("");
  const load = async (wanted: string, of: string, start: number) => {
    try {
      setPage(await get<ImagePage>(address(run, "images", { which: wanted, true: of, start })));
      setProblem("");
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const show = (wanted: string, of: string) => {
    setWhich(wanted);
    setTrue(of);
    setAt(0);
    if (wanted) void load(wanted, of, 0);
  };
  const image = page?.images[at - (page?.start ?? 0)];
  useEffect(() => {
    if (which && image) onPick(image.number);
  }, [image?.number, which]);
  const move = (to: number) => {
    if (!page || to < 0 || to >= page.count) return;
    setAt(to);
    if (to < page.start || to >= page.start + page.images.length)
      void load(which, true_, Math.floor(to / page.page) * page.page);
  };
  return (
    <fieldset>
      <legend>{t("testImages")}</legend>
      <div class="fields">
        <label>
          {t("which")}
          <select value={which} onChange={(event) => show((event.target as HTMLSelectElement).value, true_)}>
            <option value="">–</option>
            <option value="all">{t("all")}</option>
            <option value="mistakes">{t("mistakes")}</option>
            <option value="unsure">{t("unsure")}</option>
          </select>
        </label>
        <label>
          {t("ofClass")}
          <select value={true_} onChange={(event) => show(which || "all", (event.target as HTMLSelectElement).value)}>
            <option value="">{t("everyClass")}</option>
            {classes.map((name, k) => (
              <option key={k} value={String(k)}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      {page && which && (
        <p class="small">
          <button type="button" onClick={() => move(at - 1)} disabled={at === 0}>
            {t("previous")}
          </button>{" "}
          <button type="button" onClick={() => move(at + 1)} disabled={at + 1 >= page.count}>
            {t("next")}
          </button>{" "}
          {t("imageOf", { i: number(page.count ? at + 1 : 0), n: number(page.count) })}
          {image && chosen === image.number && (
            <>
              {"; "}
              {t("trueClass")}: <strong>{classes[image.true]}</strong>
            </>
          )}
        </p>
      )}
    </fieldset>
  );
}

function PixelsThatCount({
  run,
  facts,
  picture,
  thought,
}: {
  run: string;
  facts: RunFacts;
  picture: Picture;
  thought: Thought;
}) {
  const [found, setFound] = useState<{ how: string; k: number; facts: PixelFacts; version: number } | null>(null);
  const [busy, setBusy] = useState(false);
  const [k, setK] = useState(-1);
  const wanted = k < 0 ? (thought.top[0]?.k ?? 0) : k;
  const ask = async (how: string) => {
    setBusy(true);
    try {
      const made = await ofPicture<PixelFacts>(run, "pixels", picture, { how, class: wanted });
      setFound({ how, k: wanted, facts: made, version: picture.version });
    } finally {
      setBusy(false);
    }
  };
  const here = found && found.version === picture.version ? found : null;
  return (
    <section>
      <h3>{t("pixelsTitle")}</h3>
      <div class="fields">
        <label>
          {t("pixelsFor")}
          <select value={String(wanted)} onChange={(event) => setK(Number((event.target as HTMLSelectElement).value))}>
            {facts.classes.map((name, i) => (
              <option key={i} value={String(i)}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={busy} onClick={() => void ask("occlusion")}>
          {t("occlusion")}
        </button>
        <button type="button" disabled={busy} onClick={() => void ask("gradient")}>
          {t("gradient")}
        </button>
      </div>
      {busy && <p role="status">{t("loading")}</p>}
      {here && (
        <figure>
          <div class="saliency">
            <Numbers
              values={here.facts.values}
              height={here.facts.height}
              width={here.facts.width}
              signed
              label={`${t("pixelsTitle")} ${facts.classes[here.k]}`}
            />
          </div>
          <figcaption class="small">
            {here.how === "occlusion" ? t("occlusionHelp", { side: here.facts.side ?? 0 }) : t("gradientHelp")}{" "}
            {t("filterHelp")}
          </figcaption>
        </figure>
      )}
    </section>
  );
}

interface Quiet {
  images: number;
  layers: { layer: string; function: string; units: number; silent: number; share: number }[];
}

function Dead({ run }: { run: string }) {
  const [found, setFound] = useState<Quiet | null>(null);
  const [busy, setBusy] = useState(false);
  return (
    <section>
      <h3>{t("deadTitle")}</h3>
      <button
        type="button"
        disabled={busy}
        onClick={() => {
          setBusy(true);
          void get<Quiet>(address(run, "dead")).then(setFound).finally(() => setBusy(false));
        }}
      >
        {t("dead")}
      </button>
      {busy && <p role="status">{t("loading")}</p>}
      {found && (
        <>
          <p class="small">{t("deadHelp", { n: number(found.images) })}</p>
          <table class="dead">
            <thead>
              <tr>
                <th scope="col">{t("layer")}</th>
                <th scope="col" class="right">{t("silent")}</th>
                <th scope="col" class="right">{t("share")}</th>
              </tr>
            </thead>
            <tbody>
              {found.layers.map((each) => (
                <tr key={each.layer}>
                  <th scope="row">
                    {each.layer} <span class="kind">{each.function}</span>
                  </th>
                  <td class="right">
                    {number(each.silent)} / {number(each.units)}
                  </td>
                  <td class="right">{percent(each.share)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  );
}
