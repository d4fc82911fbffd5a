/** The page, put together: what it takes from the browser is taken here and handed on by name. */

import "./page/style.css";
import "./studio/studio.css";
import "./guide/guide.css";
import type { Vocabulary } from "./editor/completion";
import { readModels } from "./guide/catalogue";
import { Guide } from "./guide/guide";
import { iconButton } from "./page/button";
import { element } from "./page/element";
import { ICONS } from "./page/icons";
import { topbar } from "./page/topbar";
import { Fault, readDiagnostics } from "./protocol/fault";
import { type Json, objectOf } from "./protocol/json";
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
  // While the server cannot be asked nothing is known to be wrong; it is asked again when it is back.
  check: async (source) => {
    const answer = await answerOf(connection.call("check_script", { source }));
    return readDiagnostics(objectOf(answer)["diagnostics"]);
  },
});

const guide = new Guide({
  models: async () => readModels(await connection.call("models.list")),
  onPrompt: (prompt) => studio.open(drawingOf(prompt)),
});

const lock = new Lock((token) => {
  tokens.keep(token);
  connection.connect();
});

document.body.append(
  topbar(
    iconButton(ICONS.guide, TEXTS.guideButton, () => void guide.open()),
    new Status(connection).element,
  ),
  element("div", { className: "page" }, studio.element, lock.element),
  guide.element,
);

connection.state.watch((state) => {
  studio.element.inert = state.kind === "locked";
  if (state.kind === "locked") lock.show(state.refused);
  else if (state.kind === "open") {
    lock.hide();
    studio.refresh();
    void learn();
  }
});

connection.listen((method) => {
  if (method === "metadata.changed") void learn();
});

/** Learns what can be written: the ops, and the capabilities this caller holds. */
async function learn(): Promise<void> {
  const ops = await answerOf(connection.call("get_opcodes"));
  const capabilities = await answerOf(connection.call("get_capability_metadata"));
  if (ops !== undefined && capabilities !== undefined) {
    vocabulary = { ops: readOps(ops), capabilities: readCapabilityTypes(capabilities) };
  }
}

/** An answer the page can do without: `undefined` where the server gave an error or went away. */
async function answerOf(call: Promise<Json>): Promise<Json | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

// An open link pasted into this tab's address bar changes only the fragment.
window.addEventListener("hashchange", () => {
  if (tokens.takeFrom(location, history)) connection.connect();
});
window.addEventListener("online", () => {
  if (connection.state.value.kind === "waiting") connection.connect();
});

connection.connect();
