import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { matchTexts, textsOfMeta } from "../../src/core/search-match.ts";
import { parseSearchQuery } from "../../src/core/search-query.ts";
import { foldedText, wordsIn } from "../../src/core/words.ts";

const words = (text: string) => wordsIn(text).map((word) => word.text);
const parsed = (text: string) => {
  const { wanted, unwanted } = parseSearchQuery(text);
  const form = (phrases: typeof wanted) =>
    phrases.map((phrase) => phrase.words.join(" ") + (phrase.isPrefix ? "*" : ""));
  return { wanted: form(wanted), unwanted: form(unwanted) };
};

describe("words", () => {
  test("have no case and no accents; other characters part them", () => {
    expect(words("Café, NAÏVE: été_2 x-y")).toEqual(["cafe", "naive", "ete", "2", "x", "y"]);
    expect(words("Straße STRASSE İstanbul ΟΔΟΣ οδός")).toEqual([
      "strasse",
      "strasse",
      "istanbul",
      "οδοσ",
      "οδοσ",
    ]);
    // Composed and decomposed are one, and so are the forms of a width.
    expect(words("e\u0301té Ａ１ ﬁn")).toEqual(["ete", "a1", "fin"]);
  });

  test("are single characters where a script puts no spaces between them, and for emoji", () => {
    expect(words("東京タワー 2")).toEqual(["東", "京", "タ", "ワ", "ー", "2"]);
    expect(words("done🎉 ok")).toEqual(["done", "🎉", "ok"]);
    expect(words("한국어 нет नमस्ते")).toEqual(["한국어", "нет", "नमस्ते"]);
  });

  test("stand beside colours of a terminal, which are none", () => {
    const texts = (text: string) => wordsIn(text).map((word) => word.text);
    for (const text of ["\x1b[31mred\x1b[0m 5m", "\x1b[1;38:5:9mréd\x1b[m5m"]) {
      expect(texts(text)).toEqual(["red", "5m"]);
      expect(texts(foldedText(text))).toEqual(["red", "5m"]);
    }
    expect(wordsIn("\x1b[31mred")[0]).toEqual({ text: "red", start: 5, end: 8 });
  });

  test("a folded text has the words of the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(words(foldedText(text))).toEqual(words(text));
      }),
    );
  });
});

describe("a query", () => {
  test("has words, phrases, prefixes and what is not to be there", () => {
    expect(parsed('buy "oat milk" choc* -sugar -"no thanks" -pre*')).toEqual({
      wanted: ["buy", "oat milk", "choc*"],
      unwanted: ["sugar", "no thanks", "pre*"],
    });
    expect(parsed('"a phr"* x.y 42.5 C++')).toEqual({
      wanted: ["a phr*", "x y", "42 5", "c"],
      unwanted: [],
    });
  });

  test("has no operators of FTS5", () => {
    expect(parsed("a OR b AND NEAR(c d, 2) NOT content:x ^y {z} e+f").wanted).toEqual([
      ..."a or b and|near c|d|2|not|content x|y|z|e f"
        .split("|")
        .flatMap((part) => (part === "a or b and" ? part.split(" ") : [part])),
    ]);
  });

  test("names topics", () => {
    const { topics, wanted } = parseSearchQuery('topic:a.* topic:"b" -topic:a.x word');
    expect(wanted).toHaveLength(1);
    expect(["a.y", "b", "a.x", "c", "a"].filter((topic) => topics?.takes(topic))).toEqual([
      "a.y",
      "b",
    ]);
    expect(parseSearchQuery("-topic:a x").topics?.takes("b")).toBe(true);
    expect(() => parseSearchQuery("topic:a..b")).toThrow("topic");
  });

  test("that makes no sense is refused with the reason", () => {
    for (const [text, reason] of [
      ["", "empty"],
      ["  ", "empty"],
      ['say "hello', "second one"],
      ['"', "second one"],
      ["!!! ...", "no word"],
      ["*", "no word"],
      ["-", "no word"],
      ["topic: x", "pattern right behind"],
      ["x".repeat(4097), "4096 characters"],
      ["x ".repeat(65), "64 words"],
    ] as const) {
      expect(() => parseSearchQuery(text), text).toThrow(reason);
    }
  });

  test("never fails in another way", () => {
    const part = fc.constantFrom(
      '"',
      "-",
      "*",
      "topic:",
      "a",
      "é",
      " ",
      "(",
      "NEAR",
      "^",
      "\\",
      "'",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        try {
          parseSearchQuery(parts.join(""));
        } catch (error) {
          expect(["bad_query", "bad_topic"]).toContain((error as { code: string }).code);
        }
      }),
    );
  });
});

describe("a snippet", () => {
  const snippet = (query: string, content: string | undefined, meta: string[] = []) =>
    matchTexts(parseSearchQuery(query), { topic: "a.topic", meta, content });

  test("is of the text that has most of the words, and says where they are, in characters", () => {
    expect(snippet("milk", "🎉 buy Milk, milk")).toEqual({
      in: "content",
      text: "🎉 buy Milk, milk",
      matches: [
        [6, 10],
        [12, 16],
      ],
    });
    expect(snippet("zoe", "x", ["Zoë & co"])).toEqual({
      in: "meta",
      text: "Zoë & co",
      matches: [[0, 3]],
    });
    expect(snippet("topic", undefined)).toEqual({
      in: "topic",
      text: "a.topic",
      matches: [[2, 7]],
    });
  });

  test("is cut from a long text around the first match", () => {
    const text = `${"before ".repeat(500)}the needle is here ${"after ".repeat(500)}`;
    const found = snippet("needle", text);
    const [[from = 0, to = 0] = []] = found?.matches ?? [];
    expect([...(found?.text ?? "")].slice(from, to).join("")).toBe("needle");
    expect(found?.text.length).toBeLessThan(250);
    expect(found?.text).toStartWith("…");
    expect(found?.text).toEndWith("…");
  });

  test("is short, also where a word is not", () => {
    const word = "x".repeat(100_000);
    for (const [query, text] of [
      ["x*", word],
      [word.slice(0, 4000), `${word.slice(0, 4000)} ${word}`],
      ["needle", `${word} needle ${word}`],
      ["-y", word],
      ["x*", "🎉".repeat(300) + word],
      ['"end x"*', `the end ${word}`],
    ] as const) {
      const found = snippet(query, text);
      expect(found?.text.length).toBeLessThan(250);
      const points = [...(found?.text ?? "")];
      const marked = (found?.matches ?? []).map(([from, to]) => points.slice(from, to).join(""));
      if (query !== "-y") expect(marked.join("")).toMatch(/^(needle|end x+|x+)$/);
      expect(found?.text.endsWith("…")).toBe(true);
    }
  });

  test("never has a phrase from two texts", () => {
    expect(snippet('"oat milk"', "milk", ["oat", "oat milks", "milk"])).toBeUndefined();
  });

  test("the values in a meta are its strings and numbers as they are written, at any depth", () => {
    expect(
      textsOfMeta('{"key":"a \\"b\\"","n":[1e400,-2.50,{"deep":"ü"}],"t":true,"z":null,"x:":":"}'),
    ).toEqual(['a "b"', "1e400", "-2.50", "ü", ":"]);
    expect(textsOfMeta("12345678901234567890")).toEqual(["12345678901234567890"]);
  });
});
