// harness.mjs - starts a server, counts checks.
//
// start(binary, settings) -> server on a free port, with a root and a database
// directory of its own -> check(name, body)... -> server.stop() -> finish()
//
// A check is a body that throws or does not. One line each; the last line of a
// script is `N passed, M failed`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const WRITER = "writer-secret";
export const READER = "reader-secret";
const CHECK_MS = 20000; /* a check that hangs is a failure, not a stop */

let passed = 0;
let failed = 0;
const running = new Set(); /* servers that nobody has stopped */

export async function check(name, body) {
  const late = new AbortController();
  try {
    await Promise.race([
      body(),
      pause(CHECK_MS, null, { signal: late.signal }).then(() => {
        throw new Error(`not done after ${CHECK_MS} ms`);
      }),
    ]);
    passed++;
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    failed++;
    console.log(`not ok ${name}: ${tell(error)}`);
    return false;
  } finally {
    late.abort();
  }
}

function tell(error) {
  const where = /\((?:file:\/\/)?[^)]*?([^/)]+\.mjs:\d+):\d+\)|at (?:file:\/\/)?\S*?([^/\s]+\.mjs:\d+):\d+/
    .exec(error.stack ?? "");
  const code = error.code ? ` [${error.code}]` : "";
  const cause = error.cause ? ` (${error.cause.message ?? error.cause})` : "";
  const line = where ? ` at ${where[1] ?? where[2]}` : "";
  return `${error.message}${cause}${code}${line}`.replaceAll("\n", " ");
}

export function finish() {
  for (const stop of running) stop(); /* a check failed before it could */
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

/* The error that a promise ends with; no error is one. */
export async function refusal(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`went through: ${JSON.stringify(value)}`);
}

export async function refused(promise, code) {
  const error = await refusal(promise);
  if (code instanceof RegExp) assert.match(String(error.code), code, error.message);
  else assert.equal(error.code, code, error.message);
  return error;
}

/* Tries again until body gives something, for things that only time brings. */
export async function until(what, body, limit_ms = 10000) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const got = await body();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit_ms} ms`);
    await pause(50);
  }
}

/* The first line that the server writes to the descriptor of --ready-fd. */
export async function read_port(child) {
  let text = "";
  for await (const piece of child.stdio[3]) {
    text += piece;
    const found = /^R(\d+)\n/.exec(text);
    if (found) return Number(found[1]);
  }
  throw new Error("the server did not get ready");
}

/* Node's fetch keeps two connections and uses them in turns. Stage 1 would let
 * each wait for the end of the other's turn, so it closes behind each answer;
 * one check of client_libsql.mjs has it keep them. */
const of_stage_1 = ["connection.keepalive_seconds=0"];

export async function start(binary, settings = [], more = []) {
  const home = await mkdtemp(join(tmpdir(), "fivefold-interop."));
  await mkdir(join(home, "db"));
  await mkdir(join(home, "root"));
  const args = [
    "--listen", "127.0.0.1:0", "--ready-fd", "3",
    "--root", join(home, "root"), "--db", join(home, "db"),
    "--token", `writer:${WRITER}`, "--token", `reader:${READER}`,
    "--rule", "allow * /db user writer", "--rule", "allow GET /db user reader",
    "--rule", "deny * /db",
    ...["connection.turn_seconds=1", "sqlite.foreign_keys=on",
      ...(binary.endsWith("-1") ? of_stage_1 : []), ...settings]
      .flatMap((setting) => ["--set", setting]),
    ...more,
  ];
  const child = spawn(binary, args, { stdio: ["ignore", "ignore", "inherit", "pipe"] });
  const ended = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  running.add(kill);
  const port = await read_port(child);
  const server = {
    origin: `http://127.0.0.1:${port}`,
    /* With the slash at the end: @libsql/client needs it. */
    base: (name) => `http://127.0.0.1:${port}/db/${name}/`,
    async make(name) {
      const answer = await fetch(server.base(name), {
        method: "PUT",
        headers: { authorization: `Bearer ${WRITER}` },
      });
      assert.equal(answer.status, 201, await answer.text());
      return server.base(name);
    },
    async stop() {
      child.kill("SIGTERM");
      const [status, signal] = await ended;
      running.delete(kill);
      await rm(home, { recursive: true });
      assert.equal(signal, null);
      assert.equal(status, 0);
    },
  };
  return server;
}
