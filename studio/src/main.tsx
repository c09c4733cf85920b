import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { get, type ListedRun } from "./api";
import { language, number, percent, speak, state, t, type Word } from "./i18n";
import { Judge } from "./judge";
import { Learn } from "./learn";
import { Think } from "./think";
import { Understand } from "./understand";
import { Use } from "./use";
import "./style.css";

const VIEWS = { runs: Runs, think: Think, learn: Learn, judge: Judge, use: Use, understand: Understand } as const;
type View = keyof typeof VIEWS;

export interface Shown {
  runs: ListedRun[];
  run: string;
  choose: (run: string) => void;
  go: (view: string, run?: string) => void;
}

function asked(): [View, string] {
  const [view = "", run = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return [view in VIEWS ? (view as View) : "runs", run];
}

function Studio() {
  const [[view, named], setAsked] = useState(asked);
  const [runs, setRuns] = useState<ListedRun[] | null>(null);
  const [problem, setProblem] = useState("");
  const [, setSpoken] = useState(language());
  const reload = () =>
    get<{ runs: ListedRun[] }>("/api/runs").then(
      (found) => setRuns(found.runs),
      (error: Error) => setProblem(error.message),
    );
  useEffect(() => {
    const moved = () => {
      setAsked(asked());
      void reload();
    };
    addEventListener("hashchange", moved);
    void reload();
    return () => removeEventListener("hashchange", moved);
  }, []);
  useEffect(() => {
    document.title = `${t(view)} – ${t("title")}`;
  });
  const go = (to: string, run = named) => {
    location.hash = `/${to}${run ? `/${encodeURIComponent(run)}` : ""}`;
  };
  const usable = (runs ?? []).filter((each) => each.state !== "damaged");
  const run = named || usable[0]?.name || "";
  const Here = VIEWS[view];
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}>
        {t("skip")}
      </a>
      <header>
        <h1>{t("title")}</h1>
        <nav aria-label={t("title")}>
          {(Object.keys(VIEWS) as View[]).map((each) => (
            <a
              key={each}
              href={`#/${each}${each !== "runs" && run ? `/${encodeURIComponent(run)}` : ""}`}
              aria-current={each === view ? "page" : undefined}
            >
              {t(each as Word)}
            </a>
          ))}
        </nav>
        <div class="switches">
          <button
            type="button"
            lang={language() === "en" ? "zh" : "en"}
            title={t("languageLabel")}
            onClick={() => {
              speak(language() === "en" ? "zh" : "en");
              setSpoken(language());
            }}
          >
            {t("language")}
          </button>
          <button type="button" aria-label={t("theme")} onClick={turnTheme}>
            ◐
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
        {runs && <Here runs={usable} all={runs} run={run} choose={(name: string) => go(view, name)} go={go} />}
      </main>
    </>
  );
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset["theme"]
    ? root.dataset["theme"] === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset["theme"] = dark ? "light" : "dark";
}

function Runs({ all, go }: Shown & { all: ListedRun[] }) {
  if (!all.length)
    return (
      <p>
        {t("noRuns")} <code>alexlab train lenet-relu digits</code>
      </p>
    );
  return (
    <>
      <h2>{t("runs")}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("runs")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("run")}</th>
              <th scope="col">{t("network")}</th>
              <th scope="col">{t("dataset")}</th>
              <th scope="col">{t("state")}</th>
              <th scope="col" class="right">{t("epochs")}</th>
              <th scope="col" class="right">{t("accuracy")}</th>
            </tr>
          </thead>
          <tbody>
            {all.map((run) => (
              <tr key={run.name}>
                <th scope="row">
                  {run.state === "damaged" ? (
                    run.name
                  ) : (
                    <button type="button" class="link" onClick={() => go("think", run.name)}>
                      {run.name}
                    </button>
                  )}
                </th>
                <td>{run.network}</td>
                <td>{run.dataset}</td>
                <td title={run.problem ?? ""}>{state(run.state)}</td>
                <td class="right">
                  {number(run.epochs)} / {number(run.of)}
                </td>
                <td class="right">{percent(run.test ?? run.best)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

speak(language());
render(<Studio />, document.getElementById("app") as HTMLElement);
