// Networks are described, compared and drawn; a pasted script is read, and never run.

import { useEffect, useState } from "preact/hooks";

import { get, post } from "./api";
import { language, number, percent, t } from "./i18n";

interface Described {
  network: string;
  layers: {
    name: string;
    kind: string;
    output_shape: number[];
    parameters: number;
    parameters_working: string;
    multiply_adds: number;
    multiply_adds_working: string;
    size_working: string[];
    notes: string[];
    share: number;
    receptive_field: number[] | null;
  }[];
  totals: { parameters: number; multiply_adds: number };
}

interface Compared {
  networks: string[];
  rows: { section: string; label: string; differs: boolean; values: Record<string, string> }[];
  words: string[];
}

interface Findings {
  findings: { rule: string; severity: string; line: number | null; message: string; fix: string; diff: string | null }[];
  nothing: boolean;
  parts: number;
}

export function Understand() {
  const [networks, setNetworks] = useState<string[]>([]);
  const [network, setNetwork] = useState("lenet-relu");
  const [other, setOther] = useState("");
  const [found, setFound] = useState<Described | null>(null);
  const [compared, setCompared] = useState<Compared | null>(null);
  const [problem, setProblem] = useState("");
  const failed = (error: Error) => setProblem(error.message);
  useEffect(() => {
    void get<{ networks: string[] }>("/api/choices").then((each) => setNetworks(each.networks), failed);
  }, []);
  useEffect(() => {
    setFound(null);
    void get<Described>(`/api/describe?network=${network}`).then(setFound, failed);
  }, [network]);
  useEffect(() => {
    setCompared(null);
    if (other) void get<Compared>(`/api/compare?network=${network}&network=${other}`).then(setCompared, failed);
  }, [network, other]);
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  const drawn = [network, other].filter(Boolean).map((each) => `network=${each}`).join("&");
  return (
    <>
      <div class="fields">
        <label>
          {t("network")}
          <select value={network} onChange={(event) => setNetwork((event.target as HTMLSelectElement).value)}>
            {(networks.length ? networks : [network]).map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label>
          {t("compare")}
          <select value={other} onChange={(event) => setOther((event.target as HTMLSelectElement).value)}>
            <option value="">{t("nothing")}</option>
            {networks.filter((each) => each !== network).map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </div>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      <h2>{t("describeIt")}</h2>
      {found && (
        <>
          <p>
            {t("parameters")}: {number(found.totals.parameters, 12)}; {t("multiplyAdds")}: {number(found.totals.multiply_adds, 12)}
          </p>
          <ul class="described">
            {found.layers.map((layer) => (
              <li key={layer.name}>
                <details>
                  <summary>
                    <strong>{layer.name}</strong> <span class="kind">{layer.kind}</span> {layer.output_shape.join(" x ")}
                    {layer.parameters > 0 && ` · ${number(layer.parameters, 12)} ${t("parameters")} (${percent(layer.share)})`}
                  </summary>
                  <dl class="workings">
                    {layer.size_working.map((each) => (
                      <>
                        <dt>{t("output")}</dt>
                        <dd>
                          <code>{each}</code>
                        </dd>
                      </>
                    ))}
                    {layer.parameters_working && (
                      <>
                        <dt>{t("parameters")}</dt>
                        <dd>
                          <code>{layer.parameters_working}</code>
                        </dd>
                      </>
                    )}
                    {layer.multiply_adds_working && (
                      <>
                        <dt>{t("multiplyAdds")}</dt>
                        <dd>
                          <code>{layer.multiply_adds_working}</code>
                        </dd>
                      </>
                    )}
                  </dl>
                  {layer.notes.map((note) => (
                    <p class="small" key={note}>{note}</p>
                  ))}
                </details>
              </li>
            ))}
          </ul>
        </>
      )}
      {compared && (
        <>
          <h2>{t("compare")}</h2>
          <div class="scroll" tabIndex={0} role="region" aria-label={t("compare")}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t("layer")}</th>
                  {compared.networks.map((each) => (
                    <th scope="col" key={each}>{each}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {compared.rows.map((row, i) => (
                  <tr key={i} class={row.differs ? "differs" : ""}>
                    <th scope="row">
                      {row.differs && "* "}
                      {row.label}
                    </th>
                    {compared.networks.map((each) => (
                      <td key={each}>{row.values[each]}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      <h2>{t("diagram")}</h2>
      <div class="drawing">
        <img src={`/api/diagram.svg?${drawn}&theme=${dark ? "dark" : "light"}`} alt={`${t("diagram")}: ${network} ${other}`} />
      </div>
      <Check />
    </>
  );
}

function Check() {
  const [script, setScript] = useState("");
  const [found, setFound] = useState<Findings | null>(null);
  const [problem, setProblem] = useState("");
  return (
    <section>
      <h2>{t("checkIt")}</h2>
      <label class="wide">
        {t("checkHelp")}
        <textarea spellcheck={false} value={script} onInput={(event) => setScript((event.target as HTMLTextAreaElement).value)} />
      </label>
      <p>
        <button
          type="button"
          onClick={() => {
            setFound(null);
            setProblem("");
            void post<Findings>(`/api/check?language=${language()}`, script).then(setFound, (error: Error) => setProblem(error.message));
          }}
        >
          {t("read")}
        </button>
      </p>
      {problem && <p class="problem" role="alert">{t("failed", { why: problem })}</p>}
      {found && (
        <>
          <h3>
            {t("findings")} ({found.findings.length})
          </h3>
          {!found.findings.length && <p>{t("noFindings")}</p>}
          <ol>
            {found.findings.map((each, i) => (
              <li key={i}>
                <strong>{each.rule}</strong> {each.line !== null && `${t("line")} ${each.line}`}: {each.message}
                <br />
                <span class="small">
                  {t("mend")}: {each.fix}
                </span>
                {each.diff && <pre tabIndex={0}>{each.diff}</pre>}
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}
