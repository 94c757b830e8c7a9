// captures.mjs - sends again what client libraries once sent, and compares the
// answers with those of captures/README.md.
//
//     node captures.mjs build/fivefold-2
//
// captures/*.jsonl -> request, its baton replaced by ours -> answer -> equal?
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { check, finish, start, WRITER } from "./harness.mjs";

const captures = new URL("captures/", import.meta.url);

/* Lines of a file as values. */
async function read_capture(name) {
  const text = await readFile(new URL(name, captures), "utf8");
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

function* expand(lines) {
  for (const line of lines)
    if (line.rows_to === undefined) yield line;
    else
      for (let i = line.rows_from; i <= line.rows_to; i++)
        yield { type: "row", row: [{ type: "integer", value: String(i) }] };
}

/* Fields that were captured must be there and equal; more do not matter. */
function compare(got, wanted, path) {
  if (typeof wanted !== "object" || wanted === null) {
    const open = path.endsWith(".baton") && typeof wanted === "string";
    /* Then a write left nothing; now its numbers stand in the baton (sql.md). */
    const session = path.endsWith(".baton") && wanted === null && got !== null;
    if (open) assert.equal(typeof got, "string", path);
    else if (session) assert.match(got, /^session\./, path);
    else if (path.endsWith("error.message") || path.endsWith("].message"))
      assert.ok(got.includes(wanted), `${path}: ${got}`);
    else assert.equal(got, wanted, path);
    return;
  }
  assert.equal(Array.isArray(got), Array.isArray(wanted), path);
  assert.ok(got !== null && typeof got === "object", path);
  if (Array.isArray(wanted)) assert.equal(got.length, wanted.length, `${path}: length`);
  for (const key of Object.keys(wanted)) {
    assert.ok(key in got, `${path}.${key} is missing`);
    const next = Array.isArray(wanted) ? `${path}[${key}]` : `${path}.${key}`;
    compare(got[key], wanted[key], next);
  }
}

async function send(base, capture, baton) {
  const body = { ...capture.request };
  if (body.baton) body.baton = baton;
  const answer = await fetch(base + capture.path.slice(1), {
    method: "POST",
    body: JSON.stringify(body),
    headers: {
      "content-type": "application/json",
      ...(capture.token ? { authorization: `Bearer ${WRITER}` } : {}),
    },
  });
  const text = await answer.text();
  assert.equal(answer.status, capture.status, text);
  assert.equal(answer.headers.get("content-type"), capture.type);
  return Array.isArray(capture.answer)
    ? text.trimEnd().split("\n").map((line) => JSON.parse(line))
    : JSON.parse(text);
}

async function replay(server, name) {
  const base = await server.make(name);
  let baton = null;
  for (const [i, capture] of (await read_capture(`${name}.jsonl`)).entries())
    await check(`${name} ${i + 1}: ${capture.name}`, async () => {
      const got = await send(base, capture, baton);
      const wanted = Array.isArray(capture.answer) ? [...expand(capture.answer)] : capture.answer;
      compare(got, wanted, "answer");
      baton = got.baton;
    });
}

const server = await start(process.argv[2]);
await replay(server, "libsql_v2");
await replay(server, "turso_v3");
await check("SIGTERM: the server ends with status 0", () => server.stop());
finish();
