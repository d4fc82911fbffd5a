import { expect, test, vi } from "vitest";
import { RpcClient } from "./client";
import type { JsonObject } from "./json";

function wire(onNotification = vi.fn()) {
  const sent: JsonObject[] = [];
  const close = vi.fn();
  const client = new RpcClient({ send: (frame) => sent.push(JSON.parse(frame)), close }, onNotification);
  return { client, sent, close, onNotification };
}

test("a call is a JSON-RPC request and its answer is found by id", async () => {
  const { client, sent } = wire();
  const answer = client.call("std.echo", { value: 1 });
  expect(sent).toEqual([{ jsonrpc: "2.0", id: 1, method: "std.echo", params: { value: 1 } }]);
  client.receive('{"jsonrpc":"2.0","id":1,"result":3}');
  expect(await answer).toBe(3);
});

test("answers may come in any order", async () => {
  const { client } = wire();
  const [first, second] = [client.call("a"), client.call("b")];
  client.receive('{"jsonrpc":"2.0","id":2,"result":"b"}');
  client.receive('{"jsonrpc":"2.0","id":1,"result":"a"}');
  expect(await Promise.all([first, second])).toEqual(["a", "b"]);
});

test("a null result is an answer", async () => {
  const { client } = wire();
  const answer = client.call("a");
  client.receive('{"jsonrpc":"2.0","id":1,"result":null}');
  expect(await answer).toBeNull();
});

test("an error rejects with its kind, message and hint", async () => {
  const { client } = wire();
  const answer = client.call("a");
  client.receive(
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"Too wide.","data":{"kind":"denied","hint":"256"}}}',
  );
  await expect(answer).rejects.toMatchObject({ kind: "denied", message: "Too wide.", hint: "256" });
});

test("what has no id is a notification", () => {
  const { client, onNotification } = wire();
  client.receive('{"jsonrpc":"2.0","method":"job.log","params":{"text":"hi"}}');
  expect(onNotification).toHaveBeenCalledExactlyOnceWith("job.log", { text: "hi" });
});

test("a batch of answers is taken apart", async () => {
  const { client } = wire();
  const answers = [client.call("a"), client.call("b")];
  client.receive('[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"result":2}]');
  expect(await Promise.all(answers)).toEqual([1, 2]);
});

test.each(["not json", "3", "null", "{}", '{"jsonrpc":"2.0","id":99,"result":1}'])(
  "a frame that answers nothing is dropped: %s",
  async (frame) => {
    const { client, onNotification } = wire();
    const answer = client.call("a");
    client.receive(frame);
    client.receive('{"jsonrpc":"2.0","id":1,"result":"still here"}');
    expect(await answer).toBe("still here");
    expect(onNotification).not.toHaveBeenCalled();
  },
);

test("the end of the channel fails what is open and what comes later", async () => {
  const { client } = wire();
  const open = client.call("a");
  client.closed();
  await expect(open).rejects.toMatchObject({ kind: "connection_lost" });
  await expect(client.call("b")).rejects.toMatchObject({ kind: "connection_lost" });
});
