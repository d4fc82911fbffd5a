import { expect, test, vi } from "vitest";
import type { JsonObject } from "../protocol/json";
import { retryDelay } from "./backoff";
import { Connection } from "./connection";
import type { TokenKeeper } from "./token";

/** The other end of a socket: what was sent, and the means to answer. */
class Socket {
  sent: JsonObject[] = [];
  onopen = () => {};
  onclose = () => {};
  onmessage = (_: { data: string }) => {};
  send = (frame: string) => void this.sent.push(JSON.parse(frame));
  close = () => this.onclose();
  answer(body: JsonObject) {
    this.onmessage({ data: JSON.stringify({ jsonrpc: "2.0", id: this.sent.at(-1)?.["id"] ?? 0, ...body }) });
  }
}

function world(token: string | undefined) {
  const sockets: Socket[] = [];
  const waits: { ms: number; then: () => void }[] = [];
  const tokens = { token, forget: vi.fn(), keep: vi.fn() };
  const connection = new Connection(
    {
      openSocket: () => {
        const socket = new Socket();
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      now: () => 1000,
      random: () => 0,
      after: (ms, then) => {
        waits.push({ ms, then });
        return () => {};
      },
    },
    tokens as unknown as TokenKeeper,
  );
  const latest = () => sockets.at(-1) as Socket;
  async function enter(body: JsonObject) {
    latest().onopen();
    latest().answer(body);
    await new Promise<void>((resolve) => {
      connection.state.watch(({ kind }) => {
        if (kind !== "connecting") resolve();
      });
    });
  }
  return { connection, sockets, waits, tokens, latest, enter };
}

const REFUSED = { error: { code: -32040, message: "Sign in.", data: { kind: "unauthenticated" } } };

test("the first frame authenticates", async () => {
  const { connection, latest, enter } = world("abc");
  connection.connect();
  await enter({ result: {} });
  expect(latest().sent).toMatchObject([{ method: "auth", params: { token: "abc" } }]);
  expect(connection.state.value).toEqual({ kind: "open" });
});

test("a token that the server answers with is kept instead of a share link's", async () => {
  const { connection, enter, tokens } = world("mk_link");
  connection.connect();
  await enter({ result: { principal: "guest-1", token: "mt_own" } });
  expect(tokens.keep).toHaveBeenCalledWith("mt_own");
});

test("without a token a server that takes guests is open", async () => {
  const { connection, enter } = world(undefined);
  connection.connect();
  await enter({ result: [] });
  expect(connection.state.value).toEqual({ kind: "open" });
});

test("without a token a server that takes none asks for one", async () => {
  const { connection, enter } = world(undefined);
  connection.connect();
  await enter(REFUSED);
  expect(connection.state.value).toEqual({ kind: "locked", refused: false });
});

test("a wrong token is forgotten and said to be wrong, and nothing retries", async () => {
  const { connection, enter, tokens, waits } = world("old");
  connection.connect();
  await enter(REFUSED);
  expect(connection.state.value).toEqual({ kind: "locked", refused: true });
  expect(tokens.forget).toHaveBeenCalled();
  expect(waits).toEqual([]);
});

test("a lost connection comes back, waiting longer each time until it is open again", async () => {
  const { connection, latest, waits, enter } = world("abc");
  connection.connect();
  for (let attempt = 0; attempt < 3; attempt++) {
    latest().onclose();
    waits.at(-1)?.then();
  }
  expect(waits.map(({ ms }) => ms)).toEqual([500, 1000, 2000]);
  await enter({ result: {} });
  latest().onclose();
  expect(connection.state.value).toEqual({ kind: "waiting", retryAt: 1500 });
});

test("calls fail at once while there is no connection", async () => {
  const { connection } = world("abc");
  connection.connect();
  await expect(connection.call("ping")).rejects.toMatchObject({ kind: "connection_lost" });
});

test("listeners hear notifications of every socket that follows", async () => {
  const { connection, latest, waits, enter } = world("abc");
  const heard = vi.fn();
  connection.listen(heard);
  connection.connect();
  await enter({ result: {} });
  latest().onclose();
  waits.at(-1)?.then();
  await enter({ result: {} });
  latest().onmessage({ data: '{"jsonrpc":"2.0","method":"job.log","params":{"text":"hi"}}' });
  expect(heard).toHaveBeenCalledExactlyOnceWith("job.log", { text: "hi" });
});

test("waits double to a bound, shortened at random by up to a quarter", () => {
  expect([0, 1, 2, 10].map((attempt) => retryDelay(attempt, () => 0))).toEqual([500, 1000, 2000, 15_000]);
  expect(retryDelay(0, () => 0.999)).toBe(375);
});
