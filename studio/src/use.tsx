// A run is put to use: many images are classified, and it is taken along.

import { useRef, useState } from "preact/hooks";

import { address, post } from "./api";
import { number, percent, t } from "./i18n";
import type { Shown } from "./main";

interface Answer {
  path: string;
  top?: { class: string; probability: number }[];
  error?: string;
  note?: string;
  url: string;
}

const AT_ONCE = 4;
const SHOWN = 300;

export function Use({ runs, run, choose }: Shown) {
  const [answers, setAnswers] = useState<Answer[]>([]);
  const [of, setOf] = useState(0);
  const [by, setBy] = useState<"path" | "class" | "probability">("path");
  const [only, setOnly] = useState("");
  const [invert, setInvert] = useState(false);
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState("");
  const turn = useRef(0);

  const classify = async (files: File[]) => {
    const mine = ++turn.current;
    for (const each of answers) URL.revokeObjectURL(each.url);
    setAnswers([]);
    setOf(files.length);
    const waiting = [...files];
    const work = async () => {
      for (let file = waiting.shift(); file && mine === turn.current; file = waiting.shift()) {
        const path = file.webkitRelativePath || file.name;
        const url = URL.createObjectURL(file);
        try {
          const found = await post<Omit<Answer, "url">>(address(run, "classify", { name: path, invert: invert ? 1 : undefined }), file);
          setAnswers((before) => [...before, { ...found, url }]);
        } catch (error) {
          setAnswers((before) => [...before, { path, error: (error as Error).message, url }]);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  };
  const listed = [...answers].filter((each) => !only || each.top?.[0]?.class === only);
  listed.sort((a, b) =>
    by === "path"
      ? a.path.localeCompare(b.path)
      : by === "class"
        ? (a.top?.[0]?.class ?? "").localeCompare(b.top?.[0]?.class ?? "")
        : (a.top?.[0]?.probability ?? 0) - (b.top?.[0]?.probability ?? 0),
  );
  const csv = () => {
    const cell = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
    const rows = listed.map((each) =>
      [cell(each.path), cell(each.top?.[0]?.class ?? ""), each.top?.[0]?.probability ?? "", cell(each.error ?? each.note ?? "")].join(","),
    );
    save(new Blob([["image,class,probability,note", ...rows].join("\r\n") + "\r\n"], { type: "text/csv" }), `${run}.csv`);
  };
  const onnx = async () => {
    setBusy("onnx");
    setProblem("");
    try {
      const found = await fetch(address(run, "onnx"));
      if (!found.ok) throw new Error(((await found.json()) as { error: string }).error);
      save(await found.blob(), `${run}.onnx`);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy("");
  };
  if (!run) return <p>{t("noRuns")}</p>;
  const classes = [...new Set(answers.map((each) => each.top?.[0]?.class).filter((each) => each !== undefined))].sort();
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
        <label class="check">
          <input type="checkbox" checked={invert} onChange={() => setInvert(!invert)} />
          {t("invert")}
        </label>
      </div>
      <h2>{t("classify")}</h2>
      <div
        class="drop"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          void classify([...(event.dataTransfer?.files ?? [])]);
        }}
      >
        <p>{t("dropMany")}</p>
        <div class="fields">
          <label>
            {t("chooseMany")}
            <input type="file" multiple accept="image/*" onChange={(event) => void classify([...((event.target as HTMLInputElement).files ?? [])])} />
          </label>
          <label>
            {t("chooseFolder")}
            <input
              type="file"
              multiple
              ref={(element) => element?.setAttribute("webkitdirectory", "")}
              onChange={(event) => void classify([...((event.target as HTMLInputElement).files ?? [])])}
            />
          </label>
        </div>
      </div>
      {of > 0 && (
        <>
          <p role="status">
            {number(answers.length)} / {number(of)}
          </p>
          <div class="fields">
            <label>
              {t("sort")}
              <select value={by} onChange={(event) => setBy((event.target as HTMLSelectElement).value as typeof by)}>
                <option value="path">{t("image")}</option>
                <option value="class">{t("ofClass")}</option>
                <option value="probability">{t("unsure")}</option>
              </select>
            </label>
            <label>
              {t("ofClass")}
              <select value={only} onChange={(event) => setOnly((event.target as HTMLSelectElement).value)}>
                <option value="">{t("everyClass")}</option>
                {classes.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            </label>
            <button type="button" onClick={csv}>
              {t("csv")}
            </button>
          </div>
          <div class="scroll" tabIndex={0} role="region" aria-label={t("classify")}>
            <table class="answers">
              <tbody>
                {listed.slice(0, SHOWN).map((each) => (
                  <tr key={each.url}>
                    <td>{!each.error && <img src={each.url} alt="" width={48} height={48} loading="lazy" />}</td>
                    <th scope="row">{each.path}</th>
                    <td>{each.top?.[0]?.class}</td>
                    <td class="right">{each.top?.[0] && percent(each.top[0].probability)}</td>
                    <td class={each.error ? "problem" : "small"}>{each.error ?? each.note}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      <h2>{t("takeAway")}</h2>
      <p>
        <button type="button" disabled={busy !== ""} onClick={() => void onnx()}>
          {t("onnx")}
        </button>
      </p>
      {busy && <p role="status">{t("loading")}</p>}
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      <h3>{t("curl")}</h3>
      <p class="small">{t("curlHelp")}</p>
      <pre tabIndex={0}>{`alexlab serve runs/${run}\ncurl -F image=@photo.jpg localhost:8000/predict`}</pre>
    </>
  );
}

function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
