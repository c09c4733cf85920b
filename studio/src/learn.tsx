// A network learns: what is to be trained on what, seen before it starts; live curves while it runs. The training is a process of
// its own, and the page only looks at its folder.

import { useEffect, useState } from "preact/hooks";

import { get, post } from "./api";
import { number, state, t } from "./i18n";
import { Curves, type Line } from "./judge";
import type { Shown } from "./main";

interface Choices {
  networks: string[];
  datasets: string[];
  recipes: { name: string; about: string; network: string; dataset: string; epochs: number; batch: number; rate: number; seed: number }[];
}

interface DatasetFacts {
  title: string;
  train: number;
  test: number;
  division: string;
  classes: { name: string; images: number }[];
  doubts: string[];
}

interface Live {
  name: string;
  state: string;
  lines: Line[];
  imagesPerSecond: number | null;
  of: number | null;
  log: string;
}

const SETTINGS = ["epochs", "rate", "batch", "seed"] as const;
const HELP = { epochs: "epochsHelp", rate: "rateHelp", batch: "batchHelp", seed: "seedHelp" } as const;

export function Learn({ go }: Shown) {
  const [choices, setChoices] = useState<Choices | null>(null);
  const [recipe, setRecipe] = useState("quick");
  const [network, setNetwork] = useState("lenet-relu");
  const [dataset, setDataset] = useState("digits");
  const [settings, setSettings] = useState<Record<string, string>>({});
  const [name, setName] = useState("");
  const [facts, setFacts] = useState<DatasetFacts | null>(null);
  const [problem, setProblem] = useState("");
  const [jobs, setJobs] = useState<{ name: string; state: string }[]>([]);
  const [shown, setShown] = useState("");
  const failed = (error: Error) => setProblem(error.message);
  const load = () => get<{ trainings: { name: string; state: string }[] }>("/api/trainings").then((found) => setJobs(found.trainings), failed);
  useEffect(() => {
    void get<Choices>("/api/choices").then(setChoices, failed);
    void load();
    const timer = setInterval(() => void load(), 2000);
    return () => clearInterval(timer);
  }, []);
  const chosen = choices?.recipes.find((each) => each.name === recipe);
  const start = async (event: Event) => {
    event.preventDefault();
    setProblem("");
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== ""));
    const wanted = name || `${network || chosen?.network}-${dataset || chosen?.dataset}-${Date.now().toString(36)}`.replace(/[^A-Za-z0-9._-]+/g, "-");
    try {
      await post("/api/trainings", JSON.stringify({ name: wanted, network, dataset, recipe, settings: given }));
      setShown(wanted);
      setName("");
      await load();
    } catch (error) {
      failed(error as Error);
    }
  };
  if (!choices) return <p role="status">{problem || t("loading")}</p>;
  return (
    <>
      <h2>{t("learn")}</h2>
      <form onSubmit={(event) => void start(event)}>
        <div class="fields">
          <Choice label={t("recipe")} value={recipe} of={choices.recipes.map((each) => each.name)} set={(value) => {
            setRecipe(value);
            const found = choices.recipes.find((each) => each.name === value);
            setNetwork(found?.network ? "" : network || "lenet-relu");
            setDataset(found?.dataset ? "" : dataset || "digits");
          }} />
          <Choice label={t("network")} value={network} of={choices.networks} none={chosen?.network} set={setNetwork} />
          <label>
            {t("dataset")}
            <input list="datasets" value={dataset} placeholder={chosen?.dataset || ""} onInput={(event) => setDataset((event.target as HTMLInputElement).value)} />
            <datalist id="datasets">
              {choices.datasets.map((each) => (
                <option key={each} value={each} />
              ))}
            </datalist>
          </label>
          <label>
            {t("name")}
            <input value={name} pattern="[A-Za-z0-9_\-][A-Za-z0-9._\-]*" onInput={(event) => setName((event.target as HTMLInputElement).value)} />
          </label>
        </div>
        {chosen && <p class="small">{chosen.about}</p>}
        <div class="fields">
          {SETTINGS.map((key) => (
            <label key={key}>
              {key}
              <input
                inputMode="decimal"
                size={8}
                placeholder={String(chosen?.[key] ?? "")}
                value={settings[key] ?? ""}
                aria-describedby={`help-${key}`}
                onInput={(event) => setSettings({ ...settings, [key]: (event.target as HTMLInputElement).value })}
              />
              <span class="small narrow" id={`help-${key}`}>{t(HELP[key])}</span>
            </label>
          ))}
        </div>
        <p>
          <button
            type="button"
            onClick={() => {
              setProblem("");
              setFacts(null);
              void get<DatasetFacts>(`/api/dataset?dataset=${encodeURIComponent(dataset || chosen?.dataset || "")}`).then(setFacts, failed);
            }}
          >
            {t("look")}
          </button>{" "}
          <button type="submit" class="primary">{t("start")}</button>
        </p>
      </form>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      {facts && (
        <section>
          <h3>{facts.title}</h3>
          <p>
            {number(facts.train)} + {number(facts.test)} {t("images")}; {facts.division}
          </p>
          <p>{facts.classes.slice(0, 60).map((each) => `${each.name} ${number(each.images)}`).join(" · ")}</p>
          <p>
            {t("doubts")}: {facts.doubts.length ? facts.doubts.join(" ") : t("none")}
          </p>
          <div class="drawing">
            <img src={`/api/dataset.png?dataset=${encodeURIComponent(dataset || chosen?.dataset || "")}`} alt={facts.title} />
          </div>
        </section>
      )}
      {shown && <Watch key={shown} name={shown} go={go} />}
      <h3>{t("queue")}</h3>
      <ul class="jobs">
        {jobs.map((job) => (
          <li key={job.name}>
            <button type="button" class="link" onClick={() => setShown(job.name)}>
              {job.name}
            </button>{" "}
            {state(job.state)}
          </li>
        ))}
      </ul>
    </>
  );
}

function Choice({ label, value, of, none, set }: { label: string; value: string; of: string[]; none?: string | undefined; set: (value: string) => void }) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => set((event.target as HTMLSelectElement).value)}>
        {none && <option value="">{t("asRecipe")}: {none}</option>}
        {of.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Watch({ name, go }: { name: string; go: Shown["go"] }) {
  const [live, setLive] = useState<Live | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const source = new EventSource(`/api/trainings/${encodeURIComponent(name)}/live`);
    source.onmessage = (event) => setLive(JSON.parse(event.data as string) as Live);
    return () => source.close();
  }, [name]);
  const ask = (what: string) =>
    post(`/api/trainings/${encodeURIComponent(name)}/${what}`, null).then(
      () => setProblem(""),
      (error: Error) => setProblem(error.message),
    );
  const done = live?.lines.at(-1)?.epoch ?? 0;
  const rate = live?.lines.findLast((line) => line["rate"] !== undefined)?.["rate"];
  return (
    <section class="live" aria-label={name}>
      <h3>{name}</h3>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      {live && (
        <>
          <p role="status">
            <strong data-testid="state">{state(live.state)}</strong>
            {live.of !== null && `; ${number(done)} / ${number(live.of)} ${t("epochs")}`}
            {live.imagesPerSecond !== null && `; ${number(live.imagesPerSecond, 3)} ${t("perSecond")}`}
            {rate !== undefined && `; ${t("rate")} ${number(Number(rate), 3)}`}
          </p>
          {live.of !== null && <progress value={done} max={live.of} aria-label={t("epochs")} />}
          <p>
            {["running", "waiting"].includes(live.state) && (
              <button type="button" onClick={() => void ask("stop")}>
                {t("stop")}
              </button>
            )}{" "}
            {["interrupted", "stopped"].includes(live.state) && (
              <button type="button" onClick={() => void ask("resume")}>
                {t("goOn")}
              </button>
            )}{" "}
            {live.lines.length > 0 && (
              <button type="button" onClick={() => go("think", name)}>
                {t("think")}
              </button>
            )}
          </p>
          <Curves lines={live.lines} />
          <details open={live.state === "failed"}>
            <summary>{t("log")}</summary>
            <pre tabIndex={0}>{live.log}</pre>
          </details>
        </>
      )}
    </section>
  );
}
