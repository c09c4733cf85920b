// A map enlarged, with its filter; a unit of it taken apart.

import { useEffect, useState } from "preact/hooks";

import { type Layer, type MapFacts, type Picture, type UnitFacts, ofPicture } from "./api";
import { number, t } from "./i18n";
import { type Box, Numbers } from "./maps";

export interface Chosen {
  layer: string;
  map: number;
}

export function Enlarged({
  run,
  picture,
  layer,
  chosen,
  choose,
  onField,
}: {
  run: string;
  picture: Picture;
  layer: Layer;
  chosen: Chosen;
  choose: (chosen: Chosen | null) => void;
  onField: (field: UnitFacts["field"]) => void;
}) {
  const flat = layer.shape.length === 1;
  const [facts, setFacts] = useState<MapFacts | null>(null);
  const [at, setAt] = useState<[number, number]>([0, 0]);
  const [unit, setUnit] = useState<UnitFacts | null>(null);
  const [problem, setProblem] = useState("");
  const count = flat ? (layer.shape[0] ?? 1) : (layer.shape[0] ?? 1);
  const [height, width] = flat ? [1, 1] : [layer.height, layer.width];
  const place = flat ? [chosen.map] : [chosen.map, Math.min(at[0], height - 1), Math.min(at[1], width - 1)];

  useEffect(() => {
    let wanted = true;
    if (flat) setFacts(null);
    else
      ofPicture<MapFacts>(run, "map", picture, { layer: layer.name, map: chosen.map }).then(
        (found) => wanted && setFacts(found),
        (error: Error) => wanted && setProblem(error.message),
      );
    return () => {
      wanted = false;
    };
  }, [run, picture.version, layer.name, chosen.map]);

  useEffect(() => {
    let wanted = true;
    if (layer.name === "input") {
      setUnit(null);
      onField([
        [place[1] ?? 0, (place[1] ?? 0) + 1],
        [place[2] ?? 0, (place[2] ?? 0) + 1],
      ]);
      return;
    }
    ofPicture<UnitFacts>(run, "unit", picture, { layer: layer.name, place: place.join(",") }).then(
      (found) => {
        if (!wanted) return;
        setUnit(found);
        setProblem("");
        onField(found.field);
      },
      (error: Error) => wanted && setProblem(error.message),
    );
    return () => {
      wanted = false;
    };
  }, [run, picture.version, layer.name, place.join(",")]);

  const spot: Box = { top: place[1] ?? 0, left: place[2] ?? 0, height: 1, width: 1 };
  return (
    <section class="enlarged" aria-label={`${layer.name} ${t("map")} ${chosen.map}`}>
      <div class="bar">
        <h3>
          {layer.name} <span class="kind">{layer.kind}</span>
        </h3>
        <button type="button" onClick={() => (onField(null), choose(null))}>
          {t("close")}
        </button>
      </div>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      <div class="fields">
        <Count
          label={flat ? t("unit") : t("map")}
          value={chosen.map}
          most={count - 1}
          set={(map) => choose({ layer: layer.name, map })}
        />
        {!flat && (
          <>
            <Count label={t("row")} value={place[1] ?? 0} most={height - 1} set={(row) => setAt([row, at[1]])} />
            <Count label={t("column")} value={place[2] ?? 0} most={width - 1} set={(column) => setAt([at[0], column])} />
          </>
        )}
      </div>
      <div class="apart">
        {!flat && facts && (
          <figure>
            <Numbers
              values={facts.values}
              height={height}
              width={width}
              least={layer.low}
              most={layer.high}
              marked={spot}
              label={`${layer.name} ${t("map")} ${chosen.map}`}
              onPick={(row, column) => setAt([row, column])}
            />
            <figcaption class="small">{t("unitHelp")}</figcaption>
          </figure>
        )}
        {facts?.filter && <Filter filter={facts.filter} />}
        {unit && <Taken unit={unit} />}
      </div>
    </section>
  );
}

function Count({ label, value, most, set }: { label: string; value: number; most: number; set: (n: number) => void }) {
  return (
    <label>
      {label}
      <input
        type="number"
        min={0}
        max={most}
        value={value}
        onInput={(event) => {
          const wanted = Math.round(Number((event.target as HTMLInputElement).value));
          if (wanted >= 0 && wanted <= most) set(wanted);
        }}
      />
    </label>
  );
}

function Filter({ filter }: { filter: NonNullable<MapFacts["filter"]> }) {
  const [, channels = 1] = [0, filter.shape[0] ?? 1];
  const height = filter.shape[1] ?? 1;
  const width = filter.shape[2] ?? 1;
  const shown = Math.min(filter.shown, 48);
  const most = Math.max(...filter.values.map(Math.abs), 1e-12);
  return (
    <figure>
      <div class="kernels">
        {Array.from({ length: shown }, (_, c) => (
          <Numbers
            key={c}
            values={filter.values.slice(c * height * width, (c + 1) * height * width)}
            height={height}
            width={width}
            signed
            least={-most}
            most={most}
            label={`${t("filter")}, ${t("channel")} ${c}`}
          />
        ))}
      </div>
      <figcaption class="small">
        {t("filter")} {filter.shape.join(" x ")}
        {shown < channels && ` (${t("filterShown", { m: shown, n: channels })})`}. {t("filterHelp")}
      </figcaption>
    </figure>
  );
}

function six(value: number): string {
  return Object.is(value, -0) ? "0" : Number(value.toPrecision(6)).toString();
}

function Taken({ unit }: { unit: UnitFacts }) {
  return (
    <div class="taken">
      <p>
        <strong>{unit.kind}</strong>
        {": "}
        <code>{unit.formula}</code>
      </p>
      <dl>
        {unit.count > 1 && (
          <>
            <dt>{t("sumOf", { n: number(unit.count) })}</dt>
            <dd>{six(unit.sum)}</dd>
          </>
        )}
        {Object.entries(unit.numbers).map(([name, value]) => (
          <>
            <dt>{name === "bias" ? t("bias") : name}</dt>
            <dd>{six(value)}</dd>
          </>
        ))}
        <dt>{t("workedOut")}</dt>
        <dd data-testid="worked-out">{six(unit.workedOut)}</dd>
        <dt>{t("own")}</dt>
        <dd data-testid="own">{six(unit.value)}</dd>
        {unit.after && (
          <>
            <dt>{t("afterwards", { layer: unit.after.layer })}</dt>
            <dd data-testid="after">{six(unit.after.value)}</dd>
          </>
        )}
      </dl>
      <p class="small">{t("rounding")}</p>
      {unit.field && (
        <p class="small">
          {t("receptive", {
            top: unit.field[0]?.[0] ?? 0,
            bottom: (unit.field[0]?.[1] ?? 1) - 1,
            left: unit.field[1]?.[0] ?? 0,
            right: (unit.field[1]?.[1] ?? 1) - 1,
          })}
        </p>
      )}
      {unit.terms.length > 0 && <Terms unit={unit} />}
    </div>
  );
}

function Terms({ unit }: { unit: UnitFacts }) {
  return (
    <div class="scroll terms" tabIndex={0} role="region" aria-label={t("sumOf", { n: unit.count })}>
      <table>
        {unit.terms.length < unit.count && (
          <caption>{t("largestTerms", { m: unit.terms.length, n: number(unit.count) })}</caption>
        )}
        <thead>
          <tr>
            <th scope="col">{t("place")}</th>
            <th scope="col" class="right">{t("value")}</th>
            {unit.weights && <th scope="col" class="right">{t("weight")}</th>}
            <th scope="col" class="right">{unit.weights ? t("product") : t("term")}</th>
          </tr>
        </thead>
        <tbody>
          {unit.terms.map((term, i) => (
            <tr key={i}>
              <td>{(unit.places[i]?.[0] ?? 0) < 0 ? t("padding") : unit.places[i]?.join(", ")}</td>
              <td class="right">{six(unit.read[i] ?? 0)}</td>
              {unit.weights && <td class="right">{six(unit.weights[i] ?? 0)}</td>}
              <td class="right">{six(term)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
