/** The page, put together: what it takes from the browser is taken here and handed on by name. */

import "./page/style.css";
import "./studio/studio.css";
import "./guide/guide.css";
import type { Vocabulary } from "./editor/completion";
import { findModels } from "./guide/catalogue";
import { Guide } from "./guide/guide";
import { iconButton } from "./page/button";
import { element } from "./page/element";
import { ICONS } from "./page/icons";
import { topbar } from "./page/topbar";
import { readDiagnostics } from "./protocol/fault";
import { objectOf } from "./protocol/json";
import { readCapabilityTypes, readOps } from "./protocol/vocabulary";
import { Connection, pageSurroundings } from "./session/connection";
import { Lock } from "./session/lock";
import { Status } from "./session/status";
import { TokenKeeper } from "./session/token";
import { drawingOf } from "./studio/examples";
import { Runner } from "./studio/runner";
import { Studio } from "./studio/studio";
import { TEXTS } from "./texts";

const DRAFT = "mintaka.draft";

const tokens = new TokenKeeper(sessionStorage);
tokens.takeFrom(location, history);

const connection = new Connection(pageSurroundings(location), tokens);
const runner = new Runner(connection);
let vocabulary: Vocabulary = { ops: [], capabilities: [] };

const studio = new Studio({
  runner,
  draft: sessionStorage.getItem(DRAFT) ?? undefined,
  onDraft: (source) => sessionStorage.setItem(DRAFT, source),
  vocabulary: () => vocabulary,
  mac: navigator.platform.startsWith("Mac"),
  async check(source) {
    if (connection.state.value.kind !== "open") return [];
    return readDiagnostics(objectOf(await connection.call("check_script", { source }))["diagnostics"]);
  },
});

const guide = new Guide({
  models: () => findModels((method, params) => connection.call(method, params), vocabulary.capabilities),
  onPrompt: (prompt) => studio.open(drawingOf(prompt)),
});

const lock = new Lock((token) => {
  tokens.keep(token);
  connection.connect();
});

const stage = element("div", { className: "page" }, studio.element, lock.element);
document.body.append(
  topbar(
    iconButton(ICONS.guide, TEXTS.guideButton, () => void guide.open()),
    new Status(connection).element,
  ),
  stage,
  guide.element,
);

connection.state.watch((state) => {
  studio.element.inert = state.kind === "locked";
  if (state.kind === "locked") lock.show(state.refused);
  else if (state.kind === "open") {
    lock.hide();
    void learn();
  }
});

/** Learns what can be written: the ops, and the capabilities this caller holds. */
async function learn(): Promise<void> {
  const [ops, capabilities] = await Promise.all([
    connection.call("get_opcodes"),
    connection.call("get_capability_metadata"),
  ]);
  vocabulary = { ops: readOps(ops), capabilities: readCapabilityTypes(capabilities) };
}

// An open link pasted into this tab's address bar changes only the fragment.
window.addEventListener("hashchange", () => {
  if (tokens.takeFrom(location, history)) connection.connect();
});
window.addEventListener("online", () => {
  if (connection.state.value.kind === "waiting") connection.connect();
});

connection.connect();
