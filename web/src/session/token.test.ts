import { beforeEach, expect, test, vi } from "vitest";
import { TokenKeeper, tokenIn } from "./token";

class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>();
  [name: string]: unknown;
  get length() {
    return this.#items.size;
  }
  clear = () => this.#items.clear();
  getItem = (key: string) => this.#items.get(key) ?? null;
  key = (index: number) => [...this.#items.keys()][index] ?? null;
  removeItem = (key: string) => void this.#items.delete(key);
  setItem = (key: string, value: string) => void this.#items.set(key, value);
}

let keeper: TokenKeeper;
const replaceState = vi.fn();
const history = { state: null, replaceState } as unknown as History;
const at = (hash: string) => ({ hash, pathname: "/", search: "" }) as Location;

beforeEach(() => {
  keeper = new TokenKeeper(new MemoryStorage());
  replaceState.mockClear();
});

test("the token is taken out of the address and kept", () => {
  expect(keeper.takeFrom(at("#token=abc"), history)).toBe(true);
  expect(keeper.token).toBe("abc");
  expect(replaceState).toHaveBeenCalledExactlyOnceWith(null, "", "/");
});

test("the rest of the fragment stays", () => {
  keeper.takeFrom(at("#view=text&token=abc"), history);
  expect(replaceState).toHaveBeenCalledExactlyOnceWith(null, "", "/#view=text");
});

test("an address without a token is left alone", () => {
  expect(keeper.takeFrom(at("#view=text"), history)).toBe(false);
  expect(keeper.token).toBeUndefined();
  expect(replaceState).not.toHaveBeenCalled();
});

test("a refused token is forgotten", () => {
  keeper.keep("abc");
  keeper.forget();
  expect(keeper.token).toBeUndefined();
});

test.each([
  ["http://127.0.0.1:8321/#token=a%2Bb", "a+b"],
  ["  #token=abc  ", "abc"],
  ["token=abc", "abc"],
  ["abc", "abc"],
])("a person may paste %j", (pasted, token) => expect(tokenIn(pasted)).toBe(token));

test.each(["", "   ", "two words"])("%j holds no token", (pasted) => expect(tokenIn(pasted)).toBeUndefined());
